import { execa } from 'execa';
import { Interrupted } from '../errors.ts';

/** How to run a program. `arguments` is an argv array; nothing passes through a shell. */
export interface ProgramOptions {
  readonly cwd?: string | undefined;
  /** Added to the environment of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Written to standard input, which is closed after it. */
  readonly input?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; the program is ended with SIGTERM, 5 s later with SIGKILL. */
  readonly timeout?: number | undefined;
  readonly onStdoutLine?: ((line: string) => void) | undefined;
  readonly onStderrLine?: ((line: string) => void) | undefined;
}

/** How a program ended. `missing`: there is no such program; `exitCode` is undefined if a signal ended it. */
export interface ProgramResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly missing: boolean;
  readonly timedOut: boolean;
}

/** Runs a program and waits for it; a failing program is a result, not an exception. Throws {@link Interrupted} when `signal` aborts (the program is ended first). */
export async function runProgram(
  file: string,
  programArguments: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  if (options.signal?.aborted) throw new Interrupted();
  const child = execa(file, [...programArguments], {
    reject: false,
    stripFinalNewline: true,
    maxBuffer: 64 * 1024 * 1024,
    forceKillAfterDelay: 5_000,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.environment === undefined ? {} : { env: { ...options.environment } }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  });
  const reading = [readLines(child.stdout, options.onStdoutLine), readLines(child.stderr, options.onStderrLine)];
  const result = await child;
  await Promise.allSettled(reading);
  if (result.isCanceled || options.signal?.aborted) throw new Interrupted();
  return {
    exitCode: result.exitCode,
    stdout: result.stdout ?? '',
    stderr: result.stderr ?? '',
    missing: result.code === 'ENOENT' && result.exitCode === undefined,
    timedOut: result.timedOut,
  };
}

/** Hands each whole line of a stream to `onLine`, the unfinished last one too. */
async function readLines(
  stream: NodeJS.ReadableStream | null,
  onLine: ((line: string) => void) | undefined,
): Promise<void> {
  if (stream === null || onLine === undefined) return;
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.replace(/\r$/, ''));
  }
  if (rest !== '') onLine(rest);
}
