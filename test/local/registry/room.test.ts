import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { type ClientRequest, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readManifestFile } from '../../../cli/local/registry/manifest-facts.ts';
import { createRoom } from '../../../cli/local/registry/room.ts';
import { RegistryStore } from '../../../cli/local/registry/store.ts';
import { Uploads } from '../../../cli/local/registry/uploads.ts';
import { mediaTypes } from '../../../cli/oci/media-types.ts';
import { temporaryFolder } from '../../e2e/program.ts';
import { skip } from '../../real-parts.ts';
import { startRegistryProcess } from './registry-process.ts';
import { ask, digestOf, manifestOf, pushBlob, pushImage, pushManifest, startRegistry } from './running-registry.ts';

const hour = 3_600_000;

describe('the quota of the embedded registry', () => {
  it('is kept to the byte, refuses with words that help, and counts an upload as little as it keeps of it', async () => {
    await using running = await startRegistry({ quotaBytes: 100_000 });
    const first = randomBytes(60_000);
    assert.equal((await pushBlob(running.host, 'a', first)).status, 201);
    const second = randomBytes(40_001);
    const known = await pushBlob(running.host, 'a', second);
    assert.deepEqual([known.status, known.codes], [413, ['DENIED']]);
    assert.match(known.text, /does not fit into the 39\.1 KiB that are left of its 97\.7 KiB/);
    assert.match(known.text, /--registry-quota SIZE.*bantam local down/);
    // Without a length the end of the room is met on the way.
    const begun = await running.ask('POST', 'a/blobs/uploads/');
    const place = begun.headers.get('location') ?? '';
    const streamed = await fetch(`http://${running.host}${place}`, {
      method: 'PATCH',
      body: ReadableStream.from([second.subarray(0, 30_000), second.subarray(30_000)]),
      duplex: 'half',
    } as RequestInit);
    assert.equal(streamed.status, 413, await streamed.text());
    assert.equal(running.registry.usage().uploadBytes, 0);
    const exact = await running.ask('PUT', `${place}?digest=${digestOf(second.subarray(1))}`, second.subarray(1));
    assert.equal(exact.status, 201, exact.text);
    assert.deepEqual(running.registry.usage(), {
      repositories: 0,
      blobs: 2,
      bytes: 100_000,
      uploadBytes: 0,
      quotaBytes: 100_000,
    });
    assert.equal((await pushManifest(running.host, 'a', 'latest', manifestOf([first]))).status, 413);
    assert.equal((await running.ask('DELETE', `a/blobs/${digestOf(first)}`)).status, 202);
    assert.equal((await pushBlob(running.host, 'a', randomBytes(60_000))).status, 201);
  });

  it('makes room by what a newer image took the tag from, but never of what runs or was pushed a moment ago', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const inUse = new Set<string>();
    await using running = await startRegistry({ quotaBytes: 100_000, now: () => now, inUse: () => inUse });
    const layers = Array.from({ length: 8 }, () => randomBytes(30_000));
    const images: string[] = [];
    const push = async (index: number): Promise<void> => {
      images.push(await pushImage(running.host, 'hello', 'latest', ['{}', layers[index] ?? '']));
    };
    await push(0);
    inUse.add(digestOf(images[0] ?? ''));
    await push(1);
    await push(2);
    // All of it is from just now: the fourth does not fit.
    const refused = await pushBlob(running.host, 'hello', layers[3] ?? '');
    assert.equal(refused.status, 413);
    for (let index = 3; index < layers.length; index += 1) {
      now += 2 * hour;
      await push(index);
    }
    const there = await Promise.all(
      images.map(async (image) => (await running.ask('HEAD', `hello/manifests/${digestOf(image)}`)).status === 200),
    );
    // What runs, the tag, and the one before it, for which there was still room.
    assert.deepEqual(there, [true, false, false, false, false, false, true, true]);
    const layer = await running.ask('GET', `hello/blobs/${digestOf(layers[0] ?? '')}`);
    assert.ok(layer.bytes.equals(layers[0] ?? Buffer.alloc(0)));
    assert.ok(running.events.some((event) => event.type === 'note' && /removed \d+ old manifest/.test(event.text)));
  });

  it('is not exceeded by uploads that come and end at the same time', async () => {
    await using running = await startRegistry({ quotaBytes: 1_000_000 });
    const bodies = Array.from({ length: 24 }, () => randomBytes(150_000));
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, running.registry.usage().bytes);
    }, 1);
    // Without a length, so that nothing is known of them before they come.
    const statuses = await Promise.all(
      bodies.map(async (body) => {
        const answer = await fetch(`http://${running.host}/v2/a/blobs/uploads/?digest=${digestOf(body)}`, {
          method: 'POST',
          body: ReadableStream.from([body]),
          duplex: 'half',
        } as RequestInit);
        await answer.arrayBuffer();
        return answer.status;
      }),
    );
    clearInterval(watch);
    assert.ok(statuses.every((status) => status === 201 || status === 413));
    const { bytes, uploadBytes } = running.registry.usage();
    assert.equal(uploadBytes, 0);
    assert.equal(bytes, statuses.filter((status) => status === 201).length * 150_000);
    assert.ok(bytes <= 1_000_000 && most <= 1_000_000, `${most} bytes at most, ${bytes} in the end`);
  });

  it('removes no image that gets a tag while older ones are being removed', async () => {
    await using place = await temporaryFolder();
    let now = 0;
    const { store } = await RegistryStore.open(place.path, () => now);
    const bounds = { left: () => 0, makeRoom: async () => undefined, silence: 1000, now: () => now };
    const uploads = await Uploads.open(join(place.path, 'uploads'), bounds);
    const room = createRoom({
      ...{ quotaBytes: 1000, grace: hour, inUse: () => [], report: () => undefined },
      parts: () => ({ store, uploads }),
    });
    const put = async (text: string, tags: readonly string[]): Promise<void> => {
      const file = join(place.path, 'uploads', 'manifest');
      await writeFile(file, text);
      const entry = { size: text.length, mediaType: mediaTypes.ociIndex, time: now, blobs: [], manifests: [] };
      await store.addManifest('hello', {
        file,
        digest: digestOf(text),
        entry,
        tags,
        needs: { blobs: [], manifests: [] },
      });
    };
    for (const text of ['first', 'second', 'third']) {
      await put(text.padEnd(300), []);
      now += 1;
    }
    now += 2 * hour;
    const remove = store.removeManifest.bind(store);
    store.removeManifest = async (repository, digest) => {
      await remove(repository, digest);
      if (digest === digestOf('first'.padEnd(300))) await put('second'.padEnd(300), ['again']);
    };
    await assert.rejects(room.makeRoom(950), /is full/);
    const { tags, manifests } = store.catalogue.repositories.get('hello') ?? {};
    assert.deepEqual([...(tags ?? [])], [['again', digestOf('second'.padEnd(300))]]);
    assert.deepEqual([...(manifests?.keys() ?? [])], [digestOf('second'.padEnd(300))]);
    await store.close();
  });

  it('throws nothing away without knowing what runs, nor for what can never fit', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    await using running = await startRegistry({ quotaBytes: 100_000, now: () => now });
    const old = await pushImage(running.host, 'a', 'latest', ['{}', randomBytes(60_000)]);
    await pushImage(running.host, 'a', 'latest', ['{}', 'new']);
    now += 100 * hour;
    assert.equal((await pushBlob(running.host, 'a', randomBytes(60_000))).status, 413);
    assert.equal((await running.ask('GET', `a/manifests/${digestOf(old)}`)).text, old);
    await using knowing = await startRegistry({ quotaBytes: 100_000, now: () => now, inUse: () => [] });
    const other = await pushImage(knowing.host, 'a', 'latest', ['{}', randomBytes(60_000)]);
    await pushImage(knowing.host, 'a', 'latest', ['{}', 'new']);
    now += 100 * hour;
    assert.equal((await pushBlob(knowing.host, 'a', randomBytes(100_001))).status, 413);
    assert.equal((await knowing.ask('GET', `a/manifests/${digestOf(other)}`)).text, other);
  });
});

describe('a full disk below the embedded registry', function () {
  this.timeout(60_000);

  it('is told to the client, hurts nothing that is there, and can be emptied through the registry', async function () {
    await using place = await temporaryFolder();
    const folder = join(place.path, 'small');
    await mkdir(folder);
    const within = ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs -o size=3m none "$0" && exec "$@"', folder];
    const [program = '', ...argv] = within;
    const possible = spawnSync(program, [...argv, 'true']);
    if (possible.status !== 0) skip(this, 'needs a mount of its own (unshare -rm and tmpfs)');
    await using small = await startRegistryProcess(folder, within);
    const { host } = small;
    const kept = await pushImage(host, 'a', 'kept', ['{}', 'kept layer']);
    const filling = randomBytes(1 << 20);
    assert.equal((await pushBlob(host, 'a', filling)).status, 201);
    const refused = await pushBlob(host, 'a', randomBytes(3 << 20));
    assert.deepEqual([refused.status, refused.codes], [507, ['DENIED']]);
    assert.match(refused.text, /the disk of the local registry is full \(ENOSPC\): free some space/);
    // The rest of the disk, page by page, until not even a line of the journal fits.
    for (let size = 1 << 19; size >= 1; size = Math.floor(size / 2))
      while ((await pushBlob(host, 'b', randomBytes(size))).status === 201);
    assert.equal((await pushManifest(host, 'a', 'more', manifestOf(['{}', 'kept layer']).padEnd(5000))).status, 507);
    assert.equal((await ask(host, 'GET', 'a/manifests/kept')).text, kept);
    assert.equal((await ask(host, 'GET', `a/blobs/${digestOf('kept layer')}`)).text, 'kept layer');
    const removed = await ask(host, 'DELETE', `a/blobs/${digestOf(filling)}`);
    assert.equal(removed.status, 202, removed.text);
    assert.equal((await pushImage(host, 'a', 'after', ['{}', 'after'])).length > 0, true);
  });
});

describe('many large manifests at once', () => {
  it('are read one after the other, since each takes many times its size in memory', async () => {
    await using place = await temporaryFolder();
    const [slow, quick] = [join(place.path, 'slow'), join(place.path, 'quick')];
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] });
    // Reading from it ends when somebody has written to it.
    assert.equal(spawnSync('mkfifo', [slow]).status, 0);
    await writeFile(quick, manifest);
    const order: string[] = [];
    const readings = [slow, quick].map((path) =>
      readManifestFile(path, mediaTypes.ociIndex).then(() => void order.push(path)),
    );
    for (let times = 0; times < 20; times += 1) await readFile(quick);
    await writeFile(slow, manifest);
    await Promise.all(readings);
    assert.deepEqual(order, [slow, quick]);
  });
});

describe('two hundred uploads at once', function () {
  this.timeout(60_000);

  it('lie on the disk and not in memory, and hold one file each', async function () {
    if (process.platform !== 'linux') skip(this, 'needs /proc');
    await using place = await temporaryFolder();
    const folder = join(place.path, 'registry');
    await using busy = await startRegistryProcess(folder);
    const { host, child } = busy;
    const resident = async (): Promise<number> =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024;
    const [hostname, port] = host.split(':');
    // Once around, so that what is loaded on the way is there.
    await pushImage(host, 'warm', 'up', [randomBytes(1 << 20)]);
    const before = await resident();
    const half = randomBytes(1 << 20);
    const sendings: ClientRequest[] = [];
    for (let index = 0; index < 200; index += 1) {
      const whole = Buffer.concat([half, Buffer.from(`${index}`)]);
      const sending = request({
        hostname,
        port,
        method: 'POST',
        path: `/v2/team/fn-${index % 10}/blobs/uploads/?digest=${digestOf(whole)}`,
        headers: { 'content-length': whole.length },
        agent: false,
      });
      sending.write(half);
      sendings.push(sending);
    }
    const written = async (): Promise<number> => {
      const names = await readdir(join(folder, 'uploads'));
      const sizes = await Promise.all(
        names.map((name) => stat(join(folder, 'uploads', name)).then((facts) => facts.size)),
      );
      return sizes.reduce((sum, size) => sum + size, 0);
    };
    for (let tries = 0; (await written()) < 200 << 20; tries += 1) {
      assert.ok(tries < 300, `${await written()} bytes`);
      await sleep(50);
    }
    const grown = (await resident()) - before;
    assert.ok(grown < 100 << 20, `${grown} bytes of memory for 200 MiB on their way`);
    const files = (await readdir(`/proc/${child.pid}/fd`)).length;
    assert.ok(files < 460, `${files} files and sockets`);
    const answers = sendings.map(async (sending, index) => {
      sending.end(`${index}`);
      const [answer] = await once(sending, 'response');
      answer.resume();
      return answer.statusCode;
    });
    assert.deepEqual(new Set(await Promise.all(answers)), new Set([201]));
  });
});
