// `npm test [-- FILE|FOLDER… mocha arguments]`: builds dist/, then runs mocha over the named part of test/ (all, if none is
// named) with the project's reporter, which ends with the line `N passed, N failed, N skipped`. Bed and skips: test/bed,
// test/root-hooks.ts.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
await buildProgram();
const given = process.argv.slice(2);
const isPath = (word) => existsSync(resolve(root, word));
const parts = given.filter(isPath);
const specs = (parts.length === 0 ? ['test'] : parts).map((part) =>
  statSync(resolve(root, part)).isDirectory() ? `${part.replace(/\/+$/, '')}/**/*.test.ts` : part,
);
const mocha = [`${root}/node_modules/mocha/bin/mocha.js`, ...given.filter((word) => !isPath(word)), ...specs];
const coverage = process.env['BANTAM_COVERAGE'] === '1';
const argv = coverage
  ? [
      `${root}/node_modules/c8/bin/c8.js`,
      '--include',
      'cli/**',
      '--reporter',
      'text-summary',
      process.execPath,
      ...mocha,
    ]
  : mocha;
// A whole run has to reach every error code: test/reached-codes.ts.
const environment = { ...process.env, BANTAM_SUITE_WHOLE: given.length === 0 ? '1' : '0' };
const child = spawn(process.execPath, argv, { cwd: root, stdio: 'inherit', env: environment });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
