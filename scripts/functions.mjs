// `npm run functions:build|functions:smoke|functions:push -- [options of bantam fn build]`: the functions of this repository with the
// built program, as .github/workflows/functions.yml does it. `smoke` builds one platform into the engine, runs each image there and calls it.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
// An owner on GitHub may have capitals; an image's name may not.
const prefix = process.env.OPENFAAS_PREFIX?.toLowerCase();
const env = { ...process.env, ...(prefix === undefined ? {} : { OPENFAAS_PREFIX: prefix }) };

/** Runs bantam on the repository's own stack file; ends this program where bantam failed. */
function bantam(...argv) {
  console.error(`> bantam ${argv.join(' ')}`);
  const { status } = spawnSync(process.execPath, [`${root}/dist/main.js`, ...argv], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

const [what, ...options] = process.argv.slice(2);
await buildProgram();
if (what === 'build') bantam('fn', 'build', ...options);
else if (what === 'push') bantam('fn', 'build', '--push', ...options);
else if (what === 'smoke') {
  const platform = options[options.indexOf('--platform') + 1];
  if (!options.includes('--platform') || platform === undefined) {
    console.error('say which one: npm run functions:smoke -- --platform linux/arm64');
    process.exit(2);
  }
  bantam('fn', 'build', '--load', ...options);
  bantam('fn', 'test', '--image', '--platform', platform);
} else {
  console.error('usage: node scripts/functions.mjs build|smoke|push [options]');
  process.exit(2);
}
