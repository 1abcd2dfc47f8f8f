import { Readable, Writable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import type { Surroundings } from '../../cli/context.ts';
import { assertNoSecret } from '../canary.ts';
import { checkDocument } from '../documents.ts';
import { type Run, root } from '../e2e/program.ts';

/** What a command line runs in. `input` undefined: a closed, empty standard input. */
export interface InProcess {
  readonly folder: string;
  /** The user's home; the folder unless told. */
  readonly home?: string | undefined;
  readonly input?: string | Uint8Array | ReadableStream<Uint8Array> | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs one command line in this process, with streams of its own and nothing of this process's environment: a test of many cases starts no program for each. */
export async function runInProcess(
  argv: readonly string[],
  { folder, home, input, environment, signal }: InProcess,
): Promise<Run> {
  const stdout = collector();
  const stderr = collector();
  const stdin =
    input instanceof ReadableStream
      ? Readable.fromWeb(input as NodeReadableStream)
      : Readable.from([Buffer.from(input ?? '')]);
  const surroundings: Surroundings = {
    environment: { PATH: process.env['PATH'], ...environment },
    folder,
    home: home ?? folder,
    packageFolder: root,
    // The program asks its streams for isTTY, text and bytes only.
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout.stream as unknown as NodeJS.WriteStream,
    stderr: stderr.stream as unknown as NodeJS.WriteStream,
    signal: signal ?? new AbortController().signal,
  };
  // Mocha loads this file as CommonJS and the program's own import() as modules: one of each class is wanted, not two.
  const { runProgramLine } = await import('../../cli/program.ts');
  const exitCode = await runProgramLine(argv, surroundings);
  assertNoSecret(`${stdout.text()}${stderr.text()}`, `the output of bantam ${argv[0]}`);
  if (argv.includes('--json')) checkDocument(argv, stdout.text());
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(): { readonly stream: Writable; text(): string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}
