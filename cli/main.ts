#!/usr/bin/env node
/** Process facts in, exit code out. Everything else is reachable without a process. */
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { nobodyReads } from './context.ts';
import { runProgramLine } from './program.ts';

const interrupt = new AbortController();
let signals = 0;
// SIGHUP: the terminal was closed; what is running must be tidied up all the same.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    signals += 1;
    // The second one is for people who do not want to wait for the clean-up.
    if (signals > 1) process.exit(130);
    interrupt.abort();
  });
}
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  // `bantam … | head` closes the pipe early: that is no failure, and what is under way ends as at Ctrl-C.
  interrupt.abort(nobodyReads);
});
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  // Nobody reads the story; the work and its clean-up go on.
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await runProgramLine(process.argv.slice(2), {
  environment: process.env,
  folder: process.cwd(),
  home: homedir(),
  packageFolder: fileURLToPath(new URL('..', import.meta.url)),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
});
// Keep-alive sockets of an abandoned request must not hold the process.
setTimeout(() => process.exit(), 500).unref();
