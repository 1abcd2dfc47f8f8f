/** The embedded gateway in a process of its own, in front of one replica of a function `fn` whose address is the argument. Says its port on stdout. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faasNetes } from '../../../cli/local/dialect/faas-netes.ts';
import { createGateway } from '../../../cli/local/gateway/gateway.ts';
import { listen } from '../../../cli/local/gateway/listen.ts';
import { SecretStore } from '../../../cli/local/state/secret-store.ts';
import { ScriptedProvider } from '../../local/scripted-provider.ts';

const address = process.argv[2];
if (address === undefined) throw new Error('the address of a replica is needed');
const provider = new ScriptedProvider();
// As many others as a large project has.
for (const name of ['fn', ...Array.from({ length: 99 }, (_, index) => `other-${index}`)]) {
  const deployment = { service: name, image: 'none' };
  provider.apply({ name, generation: '0123456789abcdef', createdAt: '2026-11-22T00:00:00Z', deployment, replicas: 1 });
}
provider.addresses.set('fn', [address]);
const folder = await mkdtemp(join(tmpdir(), 'bantam-bench-gateway-'));
const secrets = await SecretStore.open(join(folder, 'secrets'));
await rm(folder, { recursive: true });
const listener = await listen(
  '127.0.0.1',
  0,
  createGateway({
    provider,
    secrets,
    dialect: faasNetes,
    credentials: { user: 'admin', password: 'secret' },
    version: '0.0.0',
    closing: new AbortController().signal,
  }),
);
process.stdout.write(`${listener.port}\n`);
