// `npm test [-- mocha arguments]`: builds dist/, then runs mocha over test/ with the project's reporter, which ends with
// the line `N passed, N failed, N skipped`. Bed and skips: test/bed, test/root-hooks.ts.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
await buildProgram();
const mocha = [`${root}/node_modules/mocha/bin/mocha.js`, ...process.argv.slice(2)];
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
const child = spawn(process.execPath, argv, { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
