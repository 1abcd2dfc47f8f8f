import { relative } from 'node:path';
import { describeFailure, type Failure, Interrupted, systemCode, UserError } from '../../errors.ts';
import type { Hide } from '../hidden-secrets.ts';
import type { TestCase } from '../result.ts';
import { compareAnswer, type Mismatch, type ReceivedAnswer } from './compare.ts';
import type { Example } from './example.ts';

/** Bytes of an answer that are kept and compared. */
const mostKept = 16 * 1024 * 1024;

/** What running an example needs to know. */
export interface ExampleRun {
  readonly url: string;
  /** Milliseconds for an example that names none. */
  readonly limit: number;
  /** The folder that places are shown relative to. */
  readonly from: string;
  readonly hide: Hide;
  readonly signal: AbortSignal;
  /** What the function wrote, shown with an example that failed. */
  readonly logs: () => readonly string[];
}

/** Sends an example's request and compares the answer. Throws {@link Interrupted} only. */
export async function runExample(example: Example, run: ExampleRun): Promise<TestCase> {
  const began = performance.now();
  const written = run.logs().length;
  const place = example.placeOf([]);
  const mismatches = await send(example, run);
  const milliseconds = Math.round(performance.now() - began);
  const base = { name: example.name, milliseconds, file: place.file, line: place.line };
  if (mismatches.length === 0) return { ...base, verdict: 'passed' };
  return { ...base, verdict: 'failed', failure: failureOf(example, mismatches, run, run.logs().slice(written)) };
}

async function send(example: Example, { url, limit, signal }: ExampleRun): Promise<readonly Mismatch[]> {
  const { method, path, headers, body } = example.request;
  const bound = example.expect.within ?? limit;
  const over = AbortSignal.timeout(bound);
  const began = performance.now();
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      body: body ?? null,
      redirect: 'manual',
      signal: AbortSignal.any([signal, over]),
    });
    const { bytes, cut } = await readBody(response);
    const answer: ReceivedAnswer = {
      status: response.status,
      headers: response.headers,
      body: bytes,
      cut,
      milliseconds: performance.now() - began,
    };
    return compareAnswer(example, answer);
  } catch (thrown) {
    if (signal.aborted) throw new Interrupted();
    const within = example.expect.within === undefined ? 'request' : 'expect';
    if (over.aborted)
      return [
        {
          path: [within, ...(within === 'expect' ? ['within'] : [])],
          message: `no answer within ${bound / 1000} s`,
          details: [],
        },
      ];
    return [{ path: ['request'], message: `no answer: ${reasonOf(thrown)}`, details: [] }];
  }
}

async function readBody(response: Response): Promise<{ readonly bytes: Uint8Array; readonly cut: boolean }> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    parts.push(part);
    length += part.length;
    // Leaving the loop gives the stream back: the connection is closed.
    if (length > mostKept) return { bytes: Buffer.concat(parts), cut: true };
  }
  return { bytes: Buffer.concat(parts), cut: false };
}

function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  if (!(cause instanceof Error)) return String(cause);
  const code = systemCode(cause) ?? '';
  if (code === 'ECONNREFUSED') return 'the function does not listen any more';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'the function closed the connection';
  return cause.message;
}

function failureOf(
  example: Example,
  mismatches: readonly Mismatch[],
  { hide, from }: ExampleRun,
  logs: readonly string[],
): Failure {
  const places = mismatches.map(({ path, message, details }) => {
    const { file, line, column } = example.placeOf(path);
    return { file, line, column, message: hide([`${example.name}: ${message}`, ...details].join('\n')) };
  });
  const said = logs.slice(-10).map((line) => `  log ${line}`);
  const details = mismatches.flatMap(({ path, message, details: lines }) => {
    const { file, line, column } = example.placeOf(path);
    return [`${relative(from, file) || file}:${line}:${column}  ${message}`, ...lines.map((text) => `    ${text}`)];
  });
  return describeFailure(
    new UserError('BAN-E642', `${example.name}: the answer is not what the example expects`, {
      details: [...details, ...said].map(hide),
      places,
    }),
  );
}
