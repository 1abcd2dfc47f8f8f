import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedRegistry, openEmbeddedRegistry } from '../../cli/local/registry/server.ts';
import { writeInstance } from '../../cli/local/state/instance-file.ts';
import { parseReference } from '../../cli/oci/reference.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { skip } from '../real-parts.ts';
import { listen } from '../registry/scripted-server.ts';
import { hasGo } from '../templates/build-context.ts';
import { runInProcess } from './in-process.ts';

interface Document {
  readonly functions?: readonly {
    readonly image: string;
    readonly digest?: string;
    readonly sizes?: readonly { readonly digest: string }[];
    readonly failure?: { readonly code: string; readonly hint: string };
  }[];
  readonly plans?: readonly { readonly command: readonly string[]; readonly note?: string }[];
}

describe('a function without Docker and without a registry', function () {
  this.timeout(120_000);
  let root = '';
  let registry: EmbeddedRegistry;
  let server: Server;
  let host = '';
  const run = async (...argv: string[]) => {
    const ended = await runInProcess([...argv, '--json'], { folder: root, home: join(root, 'home') });
    return { ...ended, document: JSON.parse(ended.stdout) as Document };
  };
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'bantam-no-docker-'));
    await mkdir(join(root, '.bantam'));
    const made = await runInProcess(['fn', 'new', 'ping', '--lang', 'go'], { folder: root, home: join(root, 'home') });
    assert.equal(made.exitCode, 0, made.stderr);
    assert.match(made.stderr, /ping:latest, names no registry: bantam local up takes it as it is/);
    registry = await openEmbeddedRegistry({
      folder: join(root, 'registry'),
      mayWrite: () => true,
      report: () => undefined,
    });
    server = createServer(registry.handler);
    await listen(server);
    const address = server.address();
    host = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';
  });
  after(async () => {
    await registry.close();
    server.closeAllConnections();
    server.close();
    await rm(root, { recursive: true, force: true });
  });

  it('is an error without a local gateway, which says how to get one', async () => {
    const { document, exitCode } = await run('fn', 'build', '--push', '--builder', 'assemble');
    assert.equal(exitCode, 2);
    const [outcome] = document.functions ?? [];
    assert.equal(outcome?.failure?.code, 'BAN-E309');
    assert.match(outcome?.failure?.hint ?? '', /or start bantam local up/);
  });

  it('is planned in words, since no other program is run', async () => {
    const { document } = await run('fn', 'build', '--print', '--builder', 'assemble', '--platform', 'linux/arm/v6');
    assert.deepEqual(
      document.plans?.map(({ command, note }) => [command, note]),
      [[[], 'ping: built by bantam itself (go 1.26), linux/arm/v6 over scratch']],
    );
  });

  it('goes to the registry of the local gateway, and is remembered as this user’s', async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    const record = { instance: 'x', pid: process.pid, url: 'http://127.0.0.1:1', user: 'admin', password: 'x' };
    await writeInstance(join(root, '.bantam'), { ...record, registry: host, provider: 'process' });
    const { document, exitCode, stdout } = await run(
      'fn',
      'build',
      '--push',
      '--builder',
      'assemble',
      '--platform',
      'amd64',
    );
    assert.equal(exitCode, 0, stdout);
    const [outcome] = document.functions ?? [];
    assert.equal(outcome?.image, `${host}/ping:latest`);
    const client = openRegistry({ credentials: { find: () => Promise.resolve(undefined) }, report: () => undefined });
    assert.equal(await client.digestOf(parseReference(`${host}/ping:latest`)), outcome?.digest);
    const remembered = await readFile(join(root, 'home/.local/state/bantam/built-images'), 'utf8');
    assert.deepEqual(remembered.trim().split('\n'), [outcome?.digest, outcome?.sizes?.[0]?.digest]);
    // A name that the user chose is kept.
    const stack = await readFile(join(root, 'stack.yml'), 'utf8');
    await writeFile(join(root, 'stack.yml'), stack.replace('image: ping:latest', `image: ${host}/chosen/ping:2`));
    const chosen = await run('fn', 'build', '--push', '--builder', 'assemble', '--platform', 'amd64');
    assert.equal(chosen.document.functions?.[0]?.image, `${host}/chosen/ping:2`);
  });
});
