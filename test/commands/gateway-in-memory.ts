import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faasNetes } from '../../cli/local/dialect/faas-netes.ts';
import { createGateway } from '../../cli/local/gateway/gateway.ts';
import { listen } from '../../cli/local/gateway/listen.ts';
import { SecretStore } from '../../cli/local/state/secret-store.ts';
import { ScriptedProvider } from '../local/scripted-provider.ts';

/** A gateway without an engine behind it: a real HTTP front, functions in memory, one of them (`hello`) deployed and answering. */
export interface GatewayInMemory extends AsyncDisposable {
  readonly url: string;
  readonly password: string;
  readonly provider: ScriptedProvider;
  /** `http://admin:…@127.0.0.1:PORT`: an address that brings its login along. */
  readonly loggedIn: string;
  /** Deploys one more function, or updates one; nothing answers for it. The secrets must be there. */
  deploy(name: string, secrets?: readonly string[]): Promise<void>;
  /** The bytes of a secret. */
  secret(name: string): Promise<Buffer>;
}

/** Starts it. The function answers `pong` without a line end, with status 200, or 500 on the path `/broken`. */
export async function startGatewayInMemory(password = 'not-a-secret'): Promise<GatewayInMemory> {
  const folder = await mkdtemp(join(tmpdir(), 'bantam-gateway-'));
  const closing = new AbortController();
  const provider = new ScriptedProvider();
  const replica = createServer((request, response) => {
    response.writeHead(request.url?.startsWith('/broken') === true ? 500 : 200, { 'content-type': 'text/plain' });
    response.end(request.url === '/bytes' ? Buffer.from([0xff, 0x00, 0xfe]) : 'pong');
  });
  await new Promise<void>((resolve) => replica.listen(0, '127.0.0.1', resolve));
  const secrets = await SecretStore.open(join(folder, 'secrets'));
  const listener = await listen(
    '127.0.0.1',
    0,
    createGateway({
      provider,
      secrets,
      dialect: faasNetes,
      credentials: { user: 'admin', password },
      version: '9.9.9',
      closing: closing.signal,
    }),
  );
  const address = `127.0.0.1:${listener.port}`;
  const deploy = async (name: string, wanted: readonly string[] = []): Promise<void> => {
    const answer = await fetch(`http://${address}/system/functions`, {
      method: provider.list().some((each) => each.name === name) ? 'PUT' : 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        service: name,
        image: `registry.lan:5000/${name}:1`,
        envVars: { LEVEL: 'high' },
        secrets: wanted,
      }),
    });
    if (!answer.ok) throw new Error(`the gateway refused: ${answer.status}`);
  };
  await deploy('hello');
  provider.addresses.set('hello', [`http://127.0.0.1:${(replica.address() as AddressInfo).port}`]);
  provider.available('hello', 1);
  provider.lines = [1, 2].map((second) => ({
    instance: 'hello-1',
    timestamp: `2026-01-31T12:00:0${second}.5Z`,
    text: `line ${second}`,
  }));
  return {
    url: `http://${address}`,
    password,
    provider,
    deploy,
    secret: (name) => readFile(secrets.file(name)),
    loggedIn: `http://admin:${password}@${address}`,
    async [Symbol.asyncDispose]() {
      closing.abort();
      await listener.close();
      replica.closeAllConnections();
      await new Promise((resolve) => replica.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
