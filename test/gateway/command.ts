/** `npm run test:gateway -- --gateway URL [--user NAME] --password-file FILE --registry HOST:PORT`: the gateway's suite and the deployments against any gateway. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    gateway: { type: 'string' },
    user: { type: 'string', default: 'admin' },
    'password-file': { type: 'string' },
    registry: { type: 'string' },
  },
});
const password =
  values['password-file'] === undefined
    ? process.env['BANTAM_GATEWAY_PASSWORD']
    : readFileSync(values['password-file'], 'utf8').trim();
const environment = {
  BANTAM_GATEWAY: values.gateway ?? process.env['BANTAM_GATEWAY'],
  BANTAM_GATEWAY_USER: values.user,
  BANTAM_GATEWAY_PASSWORD: password,
  BANTAM_REGISTRY: values.registry ?? process.env['BANTAM_REGISTRY'],
};
if (Object.values(environment).some((value) => value === undefined)) {
  process.stderr.write(
    'usage: npm run test:gateway -- --gateway URL [--user NAME] --password-file FILE --registry HOST:PORT\n',
  );
  process.exit(2);
}
const root = fileURLToPath(new URL('../..', import.meta.url));
const { status } = spawnSync(
  process.execPath,
  [
    `${root}/node_modules/mocha/bin/mocha.js`,
    '--no-config',
    '--extension',
    'ts',
    '--node-option',
    'import=tsx',
    '--require',
    'test/root-hooks.ts',
    '--reporter',
    'test/reporter.cjs',
    'test/gateway/named.test.ts',
    'test/gateway/deployment.test.ts',
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, ...environment } },
);
process.exit(status ?? 1);
