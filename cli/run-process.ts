import { homedir } from 'node:os';
import { nobodyReads } from './context.ts';
import { failedWith } from './errors.ts';
import { runProgramLine } from './program.ts';

/** Process facts in, exit code out. Everything else is reachable without a process. `packageFolder`: where bantam itself is. */
export async function runProcess(argv: readonly string[], packageFolder: string): Promise<void> {
  const interrupt = new AbortController();
  let interruptedAt: number | undefined;
  // SIGHUP: the terminal was closed; what is running must be tidied up all the same.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // A later one is for people who do not want to wait for the clean-up; wrappers (npx, timeout) send the first one twice.
      if (interruptedAt !== undefined && performance.now() - interruptedAt > 1000) process.exit(130);
      interruptedAt ??= performance.now();
      interrupt.abort();
    });
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `bantam … | head` closes the pipe early: that is no failure, and what is under way ends as at Ctrl-C.
    if (isNobodyThere(error)) interrupt.abort(nobodyReads);
    else {
      process.stderr.write(`error  BAN-E003  standard output cannot be written: ${error.message}\n`);
      process.exitCode = 1;
      interrupt.abort();
    }
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody reads the story; the work and its clean-up go on.
    if (!isNobodyThere(error)) throw error;
  });

  const folder = workingFolder();
  if (folder === undefined) {
    process.stderr.write('error  BAN-E003  the working folder is not there any more\n       next: cd to one that is\n');
    process.exitCode = 1;
    return;
  }
  const exitCode = await runProgramLine(argv, {
    environment: process.env,
    folder,
    home: homedir(),
    packageFolder,
    // Opened by the command that reads it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interrupt.signal,
  });
  process.exitCode ||= exitCode;
  // Keep-alive sockets of an abandoned request must not hold the process.
  setTimeout(() => process.exit(), 500).unref();
}

/** A pipe that was closed, or a terminal: writing to one that is gone gives EIO. */
function isNobodyThere({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EIO';
}

/** Undefined if it was removed while a shell stood in it. */
function workingFolder(): string | undefined {
  try {
    return process.cwd();
  } catch (thrown) {
    if (failedWith(thrown, 'ENOENT')) return undefined;
    throw thrown;
  }
}
