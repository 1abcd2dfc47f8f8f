import { execa } from 'execa';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's own environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Milliseconds after which the program is ended. Default one minute. */
  readonly timeout?: number;
  readonly signal?: AbortSignal | undefined;
  readonly input?: string;
}

/**
 * Runs a program to its end and gives back what it wrote to stdout, without the last line end.
 * Throws with the command and the end of its stderr when it fails, takes too long or is aborted.
 */
export async function run(program: string, argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await execa(program, argv, {
    reject: false,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    timeout: options.timeout ?? 60_000,
    maxBuffer: 64 * 1024 * 1024,
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.environment === undefined ? {} : { env: options.environment }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  if (!result.failed) return result.stdout;
  options.signal?.throwIfAborted();
  const { exitCode, originalMessage, stderr } = result;
  const why = result.timedOut ? 'took too long' : exitCode === undefined ? originalMessage : `exit code ${exitCode}`;
  const command = [program, ...argv].join(' ').slice(0, 200);
  throw new Error(`${command}: ${[why, ...stderr.trimEnd().split('\n').slice(-12)].join('\n')}`);
}

/** Whether the program ends with exit code 0: for questions whose "no" is an ordinary answer. */
export async function succeeds(program: string, argv: readonly string[], options: RunOptions = {}): Promise<boolean> {
  const { exitCode } = await execa(program, argv, {
    stdio: 'ignore',
    reject: false,
    timeout: options.timeout ?? 60_000,
    ...(options.environment === undefined ? {} : { env: options.environment }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  options.signal?.throwIfAborted();
  return exitCode === 0;
}

/** One line about a failure, for the reason of a part that is not available. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return (lines.length <= 5 ? lines : [...lines.slice(0, 1), ...lines.slice(-4)]).join(' / ').slice(0, 800);
}
