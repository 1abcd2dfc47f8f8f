import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePlatform } from '../../cli/oci/platform.ts';
import { parseReference } from '../../cli/oci/reference.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { openLayout } from '../../cli/registry/layout.ts';
import { pushImage } from '../../cli/registry/push.ts';
import { openTrust } from '../../cli/registry/trust.ts';
import { runInProcess } from '../commands/in-process.ts';
import { temporaryFolder } from '../e2e/program.ts';
import { elfMachines, makeElf, packLayer } from '../oci/image-parts.ts';
import { needParts, skip } from '../real-parts.ts';
import { certificate, key } from './self-signed.ts';
import { keepImage, type Store, writeLayout } from './stored-image.ts';

/** What `htpasswd -nbB pi raspberry` makes: the real registry knows no other hash. */
const users = 'pi:$2b$05$abcdefghijklmnopqrstuufNcwg.LhweBejHk0Q4B2Xw5SAczk6Qm\n';

/** The real registry with a certificate of its own and a list of users. It answers once this returns. */
async function startGuarded(program: string, folder: string) {
  const port = await freePort();
  const file = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const settings = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    auth: { htpasswd: { realm: 'pis', path: await file('users', users) } },
    http: {
      addr: `127.0.0.1:${port}`,
      tls: { certificate: await file('tls.crt', certificate), key: await file('tls.key', key) },
    },
  };
  const child = spawn(program, ['serve', await file('registry.json', JSON.stringify(settings))], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  for (let tries = 0; !(await answers(port)); tries += 1) {
    assert.ok(tries < 200 && child.exitCode === null, 'the registry comes up');
    await sleep(50);
  }
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    request({ host: '127.0.0.1', port, path: '/v2/', ca: certificate }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 401);
    })
      .on('error', () => resolve(false))
      .end();
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function findProgram(path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, 'docker-registry');
    const there = await access(file).then(
      () => true,
      () => false,
    );
    if (there) return file;
  }
  return undefined;
}

describe('the real registry behind TLS with its own authority and a password', () => {
  it('takes a push and lets images be checked with what Docker keeps for it, and else neither', async function () {
    const bed = await needParts(this, 'registry');
    const program = await findProgram(bed.environment['PATH'] ?? '');
    if (program === undefined)
      skip(this, "needs Debian's docker-registry: the one that stands in asks for no password");
    await using place = await temporaryFolder();
    await using registry = await startGuarded(program, place.path);

    const home = join(place.path, 'home');
    const docker = join(home, '.docker');
    const knowing = async (password: string, trusted: boolean) => {
      await mkdir(join(docker, 'certs.d', registry.address), { recursive: true });
      const auth = Buffer.from(`pi:${password}`).toString('base64');
      await writeFile(join(docker, 'config.json'), JSON.stringify({ auths: { [registry.address]: { auth } } }));
      await writeFile(join(docker, 'certs.d', registry.address, 'ca.crt'), trusted ? certificate : '');
    };
    const image = `${registry.address}/lab/fn:1.0`;
    const check = (...more: string[]) =>
      runInProcess(['image', 'check', image, '--node', 'arm64,amd64', ...more], { folder: place.path, home });

    await knowing('raspberry', true);
    const store: Store = { blobs: new Map() };
    const layer = await packLayer([{ name: 'fn', content: makeElf(elfMachines.arm64) }]);
    const config = { Entrypoint: ['/fn'] };
    const made = keepImage(store, { platform: parsePlatform('arm64'), config, layers: [layer] });
    await writeLayout(join(place.path, 'layout'), store, made);
    const report = () => undefined;
    const client = openRegistry({
      credentials: { find: async () => ({ kind: 'basic', username: 'pi', password: 'raspberry' }) },
      trust: openTrust({ environment: {}, homeFolder: home, report }),
      report,
    });
    const ledger = {
      placeOf: () => undefined,
      add: () => undefined,
      inTurn: (_registry: string, _digest: string, upload: () => Promise<void>) => upload(),
    };
    const signal = new AbortController().signal;
    const reader = await openLayout(join(place.path, 'layout'));
    const pushed = await pushImage(reader, client, parseReference(image), made.digest, { ledger, signal });
    assert.equal(pushed.changed, true);

    const good = await check();
    assert.deepEqual(
      good.stdout
        .trimEnd()
        .split('\n')
        .map((row) => row.split('\t').slice(1, 3)),
      [
        ['arm64', 'runs'],
        ['amd64', 'does not'],
      ],
      good.stdout + good.stderr,
    );
    await knowing('strawberry', true);
    const refused = await check();
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stdout, /\tunknown\t.*(?:refuses the credentials|does not let you read lab\/fn)/);
    assert.match(refused.stderr, /BAN-E302[\s\S]*docker login 127\.0\.0\.1/);
    await knowing('raspberry', false);
    const distrusted = await check();
    assert.equal(distrusted.exitCode, 1);
    assert.match(distrusted.stdout, /\tunknown\t.*its certificate is not trusted/);
  });
});
