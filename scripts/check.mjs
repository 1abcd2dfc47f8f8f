// Types, lint, format. `npm test` runs it too, as a test.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => `${root}/node_modules/.bin/${name}`;
let failed = false;
for (const [name, ...argv] of [
  ['tsc', '--noEmit'],
  ['tsc', '--noEmit', '-p', 'cli/local/page/browser'],
  ['tsc', '--noEmit', '-p', 'templates/bantam-ts'],
  ['biome', 'check', '--error-on-warnings', '.'],
]) {
  const { status } = spawnSync(bin(name), argv, { cwd: root, stdio: 'inherit' });
  if (status !== 0) failed = true;
}
process.exit(failed ? 1 : 0);
