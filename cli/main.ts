#!/usr/bin/env node
/** Starts bantam. The version is all that this file can say by itself: it must be as quick as Node is. */
import { fileURLToPath } from 'node:url';
import { packageVersion } from './package-version.ts';

const argv = process.argv.slice(2);
const packageFolder = fileURLToPath(new URL('..', import.meta.url));
if (argv.length === 1 && argv[0] === '--version') {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exitCode = 1;
  });
  process.stdout.write(`${packageVersion(packageFolder)}\n`);
} else {
  const { runProcess } = await import('./run-process.ts');
  await runProcess(argv, packageFolder);
}
