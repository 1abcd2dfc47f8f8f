#!/usr/bin/env node
/** Starts bantam. The version, and the help that the build has kept, are all that this file can say by itself: as quick as Node is. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packageVersion } from './package-version.ts';

const argv = process.argv.slice(2);
const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const known = argv.length === 1 ? knownAnswer(argv[0]) : undefined;
if (known !== undefined) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exitCode = 1;
  });
  process.stdout.write(known);
} else if (isTooOld(process.versions.node)) {
  // An older one would name a function of Node that it lacks, and a line of code.
  process.stderr.write(
    `bantam needs Node 20.19 or newer; this is ${process.version}\n  next: https://nodejs.org/download\n`,
  );
  process.exitCode = 1;
} else {
  const { runProcess } = await import('./run-process.ts');
  await runProcess(argv, packageFolder);
}

/** Below `engines` of package.json. */
function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < 20 || (major === 20 && minor < 19);
}

/** What one word asks for, if it can be said without the parser. */
function knownAnswer(word: string | undefined): string | undefined {
  if (word === '--version') return `${packageVersion(packageFolder)}\n`;
  // scripts/build.mjs has asked the parser for it, in 80 columns.
  if (word === '--help' && (process.stdout.columns ?? 80) === 80) return readHelp();
  return undefined;
}

/** Undefined where nothing was built: the parser then says it. */
function readHelp(): string | undefined {
  try {
    return readFileSync(new URL('./help.txt', import.meta.url), 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}
