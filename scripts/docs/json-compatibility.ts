/** A change of a schema that would break a program reading such documents. */
export interface Break {
  readonly file: string;
  readonly problem: string;
}

type Schema = Readonly<Record<string, unknown>>;

/** Compares the committed schemas with those of the code: nothing that readers were promised may go away or change its type. */
export function findBreaks(
  committed: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
): readonly Break[] {
  return [...committed]
    .filter(([file]) => file.startsWith('json/'))
    .flatMap(([file, text]) => {
      const now = wanted.get(file);
      if (now === undefined) return [{ file, problem: 'the document is gone' }];
      return compare(asSchema(JSON.parse(text)), asSchema(JSON.parse(now)), '').map((problem) => ({ file, problem }));
    });
}

/** What readers of `before` would stumble over in documents of `after`; `path` names the member. */
function compare(before: Schema, after: Schema, path: string): readonly string[] {
  const where = path === '' ? 'the document' : path;
  const [was, is] = [alternatives(before), alternatives(after)];
  if (was !== undefined || is !== undefined) return compareAlternatives(was ?? [before], is ?? [after], path);
  if (before['type'] !== after['type'])
    return [`${where} was of type ${String(before['type'])} and is of type ${String(after['type'])}`];
  if ('const' in before && before['const'] !== after['const'])
    return [`${where} was always ${JSON.stringify(before['const'])}`];
  return [
    ...compareMembers(before, after, path),
    ...compareInside('items', before, after, `${path}[]`),
    ...compareInside('additionalProperties', before, after, `${path}.*`),
    ...missingValues(before, after).map((value) => `${where} is never ${JSON.stringify(value)} any more`),
  ];
}

function compareMembers(before: Schema, after: Schema, path: string): readonly string[] {
  const [was, is] = [asSchema(before['properties']), asSchema(after['properties'])];
  const required = (schema: Schema): readonly unknown[] => asList(schema['required']);
  return Object.keys(was).flatMap((name) => {
    const member = path === '' ? name : `${path}.${name}`;
    if (!(name in is)) return [`${member} is gone`];
    const optional = required(before).includes(name) && !required(after).includes(name);
    return [
      ...(optional ? [`${member} was always there and is optional now`] : []),
      ...compare(asSchema(was[name]), asSchema(is[name]), member),
    ];
  });
}

function compareInside(key: string, before: Schema, after: Schema, path: string): readonly string[] {
  if (typeof before[key] !== 'object') return [];
  if (typeof after[key] !== 'object') return [`${path} is not described any more`];
  return compare(asSchema(before[key]), asSchema(after[key]), path);
}

/** Each alternative that was there must go on in one of the new ones; a new one that no old reader can expect is a break, too, unless it is an object. */
function compareAlternatives(was: readonly Schema[], is: readonly Schema[], path: string): readonly string[] {
  const lost = was.flatMap((before) => {
    const tries = is.map((after) => compare(before, after, path));
    return tries.some((problems) => problems.length === 0) ? [] : (shortest(tries) ?? []);
  });
  const known = new Set(was.map(({ type }) => type));
  const added = is
    .filter(({ type }) => !known.has(type))
    .map(({ type }) => `${path} may be of type ${String(type)} now`);
  return [...lost, ...added];
}

function shortest(tries: readonly (readonly string[])[]): readonly string[] | undefined {
  return [...tries].sort((left, right) => left.length - right.length)[0];
}

/** Values of an enumeration may be added (readers have to expect that), not taken away. */
function missingValues(before: Schema, after: Schema): readonly unknown[] {
  const now = asList(after['enum']);
  return asList(before['enum']).filter((value) => !now.includes(value));
}

function alternatives(schema: Schema): readonly Schema[] | undefined {
  const any = schema['anyOf'] ?? schema['oneOf'];
  return Array.isArray(any) ? any.map(asSchema) : undefined;
}

function asSchema(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? (value as Schema) : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
