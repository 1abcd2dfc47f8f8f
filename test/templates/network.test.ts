import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hasNetwork } from '../../templates/bantam-ts/runtime/network.ts';
import { skip } from '../real-parts.ts';
import { bundle, hasGo, makeContext, removeTemporaryFolders } from './build-context.ts';
import { loaded, startCommand } from './replica-process.ts';
import { compileFiles, handlerText } from './runtime-go/go-function.ts';

/** The only address of a container, besides loopback. A link of its own is not needed for it. */
const address = '10.62.0.7/32';
const setUp = `ip link set lo up && ip address add ${address} dev lo && exec "$0" "$@"`;

/** The built function as a command line. */
async function buildCommand(template: 'bantam-ts' | 'bantam-go'): Promise<readonly string[]> {
  if (template === 'bantam-go')
    return [`${await compileFiles({ 'handler.go': handlerText([], '\tw.WriteHeader(204)') })}/function`];
  const { code, output, root } = await bundle(await makeContext(template));
  assert.equal(code, 0, output);
  return [process.execPath, `${root}/app/function.mjs`];
}

for (const template of ['bantam-ts', 'bantam-go'] as const)
  describe(`${template} whose network is taken away`, function () {
    this.timeout(120_000);
    let command: readonly string[] = [];
    before(async function () {
      if (template === 'bantam-go' && !hasGo) skip(this, 'no Go compiler on PATH');
      if (spawnSync('unshare', ['--net', 'sh', '-c', setUp, 'true']).status !== 0)
        skip(this, 'no network namespaces here');
      command = await buildCommand(template);
    });
    after(removeTemporaryFolders);

    const start = (healthcheck_interval: string) =>
      loaded(startCommand('unshare', ['--net', 'sh', '-c', setUp, ...command], { healthcheck_interval }));

    it('does not wait for calls that cannot come', async () => {
      await using replica = await start('20m');
      const remove = ['--net', '--target', `${replica.child.pid}`, 'ip', 'address', 'delete', address, 'dev', 'lo'];
      assert.equal(spawnSync('nsenter', remove).status, 0);
      replica.child.kill('SIGTERM');
      assert.equal(await replica.ended, 0);
      assert.match(replica.output(), /^bantam: SIGTERM: no network left, not waiting$/m);
    });

    it('waits where it has one still, and where it never had', async () => {
      await using replica = await start('300ms');
      replica.child.kill('SIGTERM');
      assert.equal(await replica.ended, 0);
      assert.doesNotMatch(replica.output(), /no network left/);
      const alone = ['--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', ...command];
      await using other = await loaded(startCommand('unshare', alone, { healthcheck_interval: '300ms' }));
      other.child.kill('SIGTERM');
      assert.equal(await other.ended, 0);
      assert.doesNotMatch(other.output(), /no network left/);
    });
  });

describe('hasNetwork of bantam-ts', () => {
  const at = (...addresses: string[]) =>
    addresses.map((address) => ({
      address,
      netmask: '',
      mac: '',
      internal: false,
      cidr: null,
      family: 'IPv4' as const,
    }));
  for (const [interfaces, expected] of [
    [{}, false],
    [{ lo: at('127.0.0.1', '::1') }, false],
    [{ lo: at('127.0.0.1'), eth0: undefined }, false],
    [{ lo: at('127.0.0.1'), eth0: at('10.62.0.7') }, true],
    [{ eth0: at('fe80::1') }, true],
  ] as const) {
    it(`${expected}: ${JSON.stringify(Object.keys(interfaces))} ${expected ? 'reach' : 'reach nothing'}`, () => {
      assert.equal(hasNetwork(interfaces as Parameters<typeof hasNetwork>[0]), expected);
    });
  }
});
