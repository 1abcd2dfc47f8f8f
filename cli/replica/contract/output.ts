import type { ChildProcess } from 'node:child_process';
import { show, Unkept } from './expectation.ts';
import type { Output, Stream } from './target.ts';
import { within } from './wait.ts';

/** Lines kept from the beginning and from the end; what is between them is only counted. */
const keptLines = 20_000;

interface Line {
  readonly stream: Stream;
  readonly text: string;
}

/** Reads what a process writes, line by line. */
export function collectOutput(child: ChildProcess, signal: AbortSignal): Output & { resume(): void } {
  const first: Line[] = [];
  let last: Line[] = [];
  const bytes = { stdout: 0, stderr: 0 };
  const unfinished = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  let over = false;
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const add = (stream: Stream, text: string): void => {
    if (first.length < keptLines) first.push({ stream, text });
    else last.push({ stream, text });
    if (last.length > 2 * keptLines) last = last.slice(-keptLines);
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    const decoder = new TextDecoder();
    child[stream]?.on('data', (data: Buffer) => {
      bytes[stream] += data.length;
      const parts = (unfinished[stream] + decoder.decode(data, { stream: true })).split('\n');
      unfinished[stream] = parts.pop() ?? '';
      for (const part of parts) add(stream, part);
      tell();
    });
  }
  child.once('close', () => {
    over = true;
    for (const stream of ['stdout', 'stderr'] as const) if (unfinished[stream] !== '') add(stream, unfinished[stream]);
    tell();
  });
  const lines = (stream?: Stream): readonly string[] =>
    [...first, ...last].filter((line) => stream === undefined || line.stream === stream).map(({ text }) => text);
  return {
    lines,
    bytes: (stream) => bytes[stream],
    async line(pattern, milliseconds = 10_000) {
      let listener: () => void = () => undefined;
      const what = (): string =>
        `expected a line of output like ${pattern}, got ${show(lines().slice(-20).join(' | '))}`;
      const found = new Promise<string>((resolve, reject) => {
        listener = () => {
          const line = lines().find((text) => pattern.test(text));
          if (line !== undefined) resolve(line);
          else if (over) reject(new Unkept(`${what()} and its end`));
        };
        listeners.add(listener);
        listener();
      });
      return await within(found, milliseconds, what, signal).finally(() => listeners.delete(listener));
    },
    pause: () => {
      child.stdout?.pause();
      child.stderr?.pause();
    },
    resume: () => {
      child.stdout?.resume();
      child.stderr?.resume();
    },
  };
}
