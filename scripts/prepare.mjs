// Installs the project's packages when they are not there or belong to another lock file. Used by every npm script, so
// that a fresh clone needs no step before `npm start` or `npm test`.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`bantam needs Node 20.19 or newer; this is ${process.version}`);
  process.exit(1);
}
const wanted = createHash('sha256')
  .update(readFileSync(new URL('../package-lock.json', import.meta.url)))
  .digest('hex');
const stamp = `${root}/node_modules/.bantam-lock`;
const here = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
if (here !== wanted) {
  console.error('installing packages (npm ci)');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(stamp, wanted);
}
