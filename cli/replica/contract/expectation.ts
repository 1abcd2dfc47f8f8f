/** A promise that was not kept: what was expected and what came, as a sentence for whoever wrote the function. */
export class Unkept extends Error {}

/** Throws {@link Unkept} unless the condition holds. */
export function expect(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Unkept(sentence);
}

/** Throws {@link Unkept} unless both are the same value (`===`). */
export function expectEqual<T>(got: unknown, expected: T, what: string): asserts got is T {
  if (got !== expected) throw new Unkept(`${what}: expected ${show(expected)}, got ${show(got)}`);
}

/** Throws {@link Unkept} unless the text matches. */
export function expectMatch(got: string | undefined, pattern: RegExp, what: string): asserts got is string {
  if (got === undefined || !pattern.test(got))
    throw new Unkept(`${what}: expected ${pattern}, got ${got === undefined ? 'nothing' : show(got)}`);
}

/** Throws {@link Unkept} if the text matches: what must not be there. */
export function expectNoMatch(got: string, pattern: RegExp, what: string): void {
  const found = pattern.exec(got);
  if (found !== null) throw new Unkept(`${what}: expected nothing like ${pattern}, got ${show(found[0])}`);
}

/** A value for a sentence: short, with its quotes. */
export function show(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  const text = JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 200)}…${text.slice(-80)}` : text;
}
