import * as v from 'valibot';

/** A decoded body, or why it is none. */
export type Decoded<T> =
  | { readonly value: T; readonly problem: '' }
  | { readonly value?: undefined; readonly problem: string };

/** Decodes a request's JSON by a schema; never throws. Bodies come with any content type (faas-cli sends none). */
export function decodeJson<T>(text: string, schema: v.GenericSchema<unknown, T>): Decoded<T> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { problem: endsTooEarly(text, problem) ? 'unexpected end of JSON input' : problem };
  }
  // Valibot takes a list for an object without keys.
  if (Array.isArray(parsed)) return { problem: 'the body is a list, not an object' };
  const result = v.safeParse(schema, parsed);
  if (result.success) return { value: result.output, problem: '' };
  return { problem: result.issues.map((issue) => `${v.getDotPath(issue) ?? 'body'}: ${issue.message}`).join('; ') };
}

/** The engine has several messages for JSON that is cut off; gateways, written in Go, have one. */
function endsTooEarly(text: string, problem: string): boolean {
  const position = /at position (?<position>\d+)/.exec(problem)?.groups?.['position'];
  return /^Unexpected end/.test(problem) || (position !== undefined && Number(position) >= text.trimEnd().length);
}
