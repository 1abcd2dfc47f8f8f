import { describeJson, differencesOfJson } from './compare-json.ts';
import { describeTextDifference } from './compare-text.ts';
import type { Example } from './example.ts';
import { patternOf } from './schema.ts';

/** What a function answered to a request. `cut`: there was more of the body than is kept. */
export interface ReceivedAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly cut: boolean;
  readonly milliseconds: number;
}

/** One expectation that was not met: its path in the example, a sentence, and lines that show the difference. */
export interface Mismatch {
  readonly path: readonly string[];
  readonly message: string;
  readonly details: readonly string[];
}

/** Everything in which an answer differs from what its example expects; empty if nothing does. */
export function compareAnswer({ expect }: Pick<Example, 'expect'>, answer: ReceivedAnswer): readonly Mismatch[] {
  const found: Mismatch[] = [];
  const { status, headers, body, within } = expect;
  if (status !== undefined && answer.status !== status)
    found.push({
      path: ['expect', 'status'],
      message: `status: expected ${status}, got ${answer.status}`,
      // The body of an error says more than its number, unless the body is compared anyway.
      details: body === undefined ? showBody(answer) : [],
    });
  for (const [name, wanted] of Object.entries(headers)) {
    const got = answer.headers.get(name);
    const pattern = patternOf(wanted);
    if (got !== null && (pattern === undefined ? got === wanted : pattern.test(got))) continue;
    found.push({
      path: ['expect', 'headers', name],
      message: `header ${name}: expected ${pattern ?? JSON.stringify(wanted)}, got ${got === null ? 'none' : JSON.stringify(got)}`,
      details: [],
    });
  }
  if (body !== undefined) found.push(...compareBody(body, answer));
  if (within !== undefined && answer.milliseconds > within)
    found.push({
      path: ['expect', 'within'],
      message: `expected an answer within ${within} ms, it took ${Math.round(answer.milliseconds)} ms`,
      details: [],
    });
  return found;
}

function compareBody(wanted: NonNullable<Example['expect']['body']>, answer: ReceivedAnswer): readonly Mismatch[] {
  const path = ['expect', wanted.kind === 'text' ? 'body' : wanted.kind];
  const text = decodeText(answer.body);
  if (text === undefined)
    return [
      { path, message: `${path[1]}: expected text, got ${answer.body.length} bytes that are no UTF-8`, details: [] },
    ];
  switch (wanted.kind) {
    case 'text':
      if (text === wanted.text && !answer.cut) return [];
      return [{ path, message: 'body: another text came', details: describeTextDifference(wanted.text, text) }];
    case 'matches':
      return wanted.patterns
        .filter((pattern) => !(patternOf(pattern) ?? new RegExp(pattern)).test(text))
        .map((pattern) => ({
          path,
          message: `matches: nothing in the body is like ${pattern}`,
          details: showBody(answer),
        }));
    case 'json': {
      const parsed = parseJson(text);
      if (parsed === undefined) return [{ path, message: 'json: the body is no JSON', details: showBody(answer) }];
      const differences = differencesOfJson(wanted.value, parsed.value);
      if (differences.length === 0) return [];
      const shown = differences.slice(0, mostDifferences);
      const rest = differences.length - shown.length;
      return [
        {
          path,
          message: `json: ${differences.length === 1 ? 'one value is' : `${differences.length} values are`} not as expected`,
          details: [...shown.flatMap(describeJson), ...(rest > 0 ? [`… and ${rest} more`] : [])],
        },
      ];
    }
  }
}

const mostDifferences = 20;

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The beginning of a body, for a person. */
function showBody({ body, cut }: ReceivedAnswer): readonly string[] {
  if (body.length === 0) return ['the body is empty'];
  const text = decodeText(body.subarray(0, 2000)) ?? Buffer.from(body.subarray(0, 2000)).toString('latin1');
  const lines = text.trimEnd().split(/\r?\n/).slice(0, 8);
  const shown = lines.map((line) => (line.length > 200 ? `${line.slice(0, 200)}…` : line));
  const more = cut || body.length > Buffer.byteLength(lines.join('\n')) + lines.length;
  return [
    'the body:',
    ...shown.map((line) => `  ${line}`),
    ...(more ? [`  … (${body.length}${cut ? ' and more' : ''} bytes)`] : []),
  ];
}
