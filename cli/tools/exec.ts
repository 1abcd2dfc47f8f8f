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
  /** Milliseconds; the program and all that it started are ended with SIGTERM, 5 s later with SIGKILL. */
  readonly timeout?: number | undefined;
  readonly onStdoutLine?: ((line: string) => void) | undefined;
  readonly onStderrLine?: ((line: string) => void) | undefined;
  /** Gets standard output as it comes, for what is no text; the result has its end only. */
  readonly onStdoutBytes?: ((chunk: Uint8Array) => void) | undefined;
}

/**
 * How a program ended. `missing`: there is no such program; `exitCode` is undefined if a signal ended it. Of what it wrote
 * the end is kept: the last 64 MiB, or the last 1 MiB of what went to a reader of lines.
 */
export interface ProgramResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly missing: boolean;
  readonly timedOut: boolean;
}

/** From the SIGTERM to the SIGKILL, milliseconds. */
const patience = 5_000;

/** How long pipes may stay open after a SIGKILL: only somebody who left the group holds them then. Milliseconds. */
const lastWait = 500;

/**
 * Runs a program and waits for it; a failing program is a result, not an exception. Throws {@link Interrupted} when `signal`
 * aborts, and what a reader of lines throws; the program is ended first. It leads a process group of its own, so that what
 * it started ends with it: such a group gets no Ctrl-C of the terminal, `signal` has to hand it on.
 */
export async function runProgram(
  file: string,
  programArguments: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const { signal, timeout } = options;
  if (signal?.aborted) throw new Interrupted();
  const child = execa(file, [...programArguments], {
    reject: false,
    buffer: false,
    detached: true,
    cleanup: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.environment === undefined ? {} : { env: { ...options.environment } }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  const group = child.pid;
  if (group !== undefined) watchOver(group);
  const timers: NodeJS.Timeout[] = [];
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    signalGroup(group, 'SIGTERM');
    timers.push(
      setTimeout(() => {
        signalGroup(group, 'SIGKILL');
        timers.push(
          setTimeout(() => {
            child.stdout.destroy();
            child.stderr.destroy();
          }, lastWait),
        );
      }, patience),
    );
  };
  let timedOut = false;
  let failure: { readonly thrown: unknown } | undefined;
  const fail = (thrown: unknown): void => {
    failure ??= { thrown };
    end();
  };
  if (timeout !== undefined)
    timers.push(
      setTimeout(() => {
        timedOut = true;
        end();
      }, timeout),
    );
  signal?.addEventListener('abort', end, { once: true });
  const { onStdoutBytes } = options;
  const noLines = onStdoutBytes && ((): void => undefined);
  const stdout = keepOutput(child.stdout, options.onStdoutLine ?? noLines, fail);
  if (onStdoutBytes !== undefined) handOn(child.stdout, onStdoutBytes, fail);
  const stderr = keepOutput(child.stderr, options.onStderrLine, fail);
  try {
    const result = await child;
    const texts = { stdout: stdout(), stderr: stderr() };
    if (signal?.aborted) throw new Interrupted();
    if (failure !== undefined) throw failure.thrown;
    return {
      exitCode: result.exitCode,
      ...texts,
      missing: result.code === 'ENOENT' && result.exitCode === undefined,
      timedOut,
    };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    // The program has ended and the pipes are closed: nobody waits for what is left of an ended group.
    if (ending) signalGroup(group, 'SIGKILL');
    if (group !== undefined) leaveAlone(group);
  }
}

/** Process groups of the programs that run now. */
const groups = new Set<number>();

const deadlySignals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

function watchOver(group: number): void {
  if (groups.size === 0) {
    process.on('exit', killAll);
    for (const name of deadlySignals) process.on(name, endWithPrograms);
  }
  groups.add(group);
}

function leaveAlone(group: number): void {
  groups.delete(group);
  if (groups.size > 0) return;
  process.off('exit', killAll);
  for (const name of deadlySignals) process.off(name, endWithPrograms);
}

/** This process ends now and cannot wait for anybody. */
function killAll(): void {
  for (const group of groups) signalGroup(group, 'SIGKILL');
}

/** A signal that ends this process at once, since nobody else listens to it, ends the programs too. */
function endWithPrograms(name: NodeJS.Signals): void {
  if (process.listenerCount(name) > 1) return;
  killAll();
  process.off(name, endWithPrograms);
  process.kill(process.pid, name);
}

function signalGroup(group: number | undefined, name: NodeJS.Signals): void {
  if (group === undefined) return;
  try {
    process.kill(-group, name);
  } catch {
    // All of it has ended already, or what is left belongs to another user.
  }
}

/** Bytes that are kept of a stream: with a reader of its lines they only serve for messages. */
const keptWithReader = 1024 * 1024;
const keptWithout = 64 * 1024 * 1024;

/** The longest line that a reader gets whole, in characters. */
const longestLine = 16 * 1024 * 1024;

/** Hands on each piece of a stream until the reader throws, which goes to `fail`. */
function handOn(
  stream: NodeJS.ReadableStream,
  onBytes: (chunk: Uint8Array) => void,
  fail: (thrown: unknown) => void,
): void {
  const pass = (data: Buffer | string): void => {
    try {
      onBytes(typeof data === 'string' ? Buffer.from(data) : data);
    } catch (thrown) {
      stream.off('data', pass);
      fail(thrown);
    }
  };
  stream.on('data', pass);
}

type OnLine = (line: string) => void;

/** Keeps the end of what a stream carries and hands each whole line to `onLine`. Call the result at the end: it hands on the unfinished last line and returns the text. `fail` gets what `onLine` throws; it is not called again then. */
function keepOutput(
  stream: NodeJS.ReadableStream,
  onLine: OnLine | undefined,
  fail: (thrown: unknown) => void,
): () => string {
  const limit = onLine === undefined ? keptWithout : keptWithReader;
  const chunks: Buffer[] = [];
  let length = 0;
  const decoder = new TextDecoder();
  let rest = '';
  let reader = onLine;
  const pass = (line: string): void => {
    try {
      reader?.(line);
    } catch (thrown) {
      reader = undefined;
      fail(thrown);
    }
  };
  const readLines = (text: string): void => {
    if (text.includes('\n')) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) pass(line.replace(/\r$/, ''));
    } else rest += text;
    if (rest.length < longestLine) return;
    pass(rest);
    rest = '';
  };
  // A stream that breaks has ended; how the program fared says its exit code.
  stream.on('error', () => undefined);
  stream.on('data', (data: Buffer | string) => {
    const chunk = typeof data === 'string' ? Buffer.from(data) : data;
    chunks.push(chunk);
    length += chunk.length;
    for (let first = chunks[0]; first !== undefined && length - first.length >= limit; first = chunks[0]) {
      chunks.shift();
      length -= first.length;
    }
    if (reader !== undefined) readLines(decoder.decode(chunk, { stream: true }));
  });
  return () => {
    if (rest !== '') pass(rest);
    const kept = Buffer.concat(chunks).subarray(-limit);
    return kept.toString('utf8').replace(/\r?\n$/, '');
  };
}
