/** One value that is not as expected. `missing`: there is none; `length`: lists of another length. */
export interface JsonDifference {
  /** `message`, `items[2].name`; empty for the whole. */
  readonly path: string;
  readonly expected: unknown;
  readonly got: unknown;
  readonly kind: 'value' | 'missing' | 'length';
}

/**
 * Where a JSON value lacks what is expected of it: objects may have more members than that, lists may not have more items,
 * everything else is the same value. In the order of what is expected.
 */
export function differencesOfJson(expected: unknown, got: unknown, path = ''): readonly JsonDifference[] {
  if (Array.isArray(expected) && Array.isArray(got)) {
    const items = expected
      .slice(0, got.length)
      .flatMap((item, index) => differencesOfJson(item, got[index], `${path}[${index}]`));
    if (expected.length === got.length) return items;
    return [...items, { path, expected: expected.length, got: got.length, kind: 'length' }];
  }
  if (isObject(expected) && isObject(got))
    return Object.entries(expected).flatMap(([key, value]): readonly JsonDifference[] => {
      const inside = memberPath(path, key);
      if (!Object.hasOwn(got, key)) return [{ path: inside, expected: value, got: undefined, kind: 'missing' }];
      return differencesOfJson(value, got[key], inside);
    });
  return Object.is(expected, got) || expected === got ? [] : [{ path, expected, got, kind: 'value' }];
}

/** The lines of one difference: `message` with what was expected and what came below each other. */
export function describeJson({ path, expected, got, kind }: JsonDifference): readonly string[] {
  const where = path === '' ? 'the body' : path;
  if (kind === 'length') return [`${where}: expected ${expected} items, got ${got}`];
  const came = kind === 'missing' ? 'nothing of this name' : show(got);
  return [where, `  expected  ${show(expected)}`, `  got       ${came}`];
}

function memberPath(path: string, key: string): string {
  if (!/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 300 ? text : `${text.slice(0, 200)}…${text.slice(-60)} (${text.length} characters)`;
}
