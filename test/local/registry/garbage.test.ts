import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { Catalogue } from '../../../cli/local/registry/catalogue.ts';
import { findUntagged, markGarbage } from '../../../cli/local/registry/garbage.ts';
import { mediaTypes } from '../../../cli/oci/media-types.ts';
import {
  digestOf,
  manifestOf,
  pushBlob,
  pushImage,
  pushManifest,
  type RunningRegistry,
  startRegistry,
} from './running-registry.ts';

const minute = 60_000;
const grace = 60 * minute;

describe('garbage collection of the embedded registry', function () {
  this.timeout(60_000);
  let now = 0;
  let running: RunningRegistry;
  beforeEach(async () => {
    now = Date.parse('2026-01-01T00:00:00Z');
    running = await startRegistry({ now: () => now, grace });
  });
  afterEach(() => running[Symbol.asyncDispose]());

  it('removes what nothing refers to once the grace is over, and shared contents only when the last holder is gone', async () => {
    const { host, registry } = running;
    const old = await pushImage(host, 'a', 'latest', ['{}', 'old layer', 'shared']);
    await pushImage(host, 'b', 'latest', ['{}', 'shared']);
    await pushBlob(host, 'a', 'never referred to');
    assert.equal((await running.ask('DELETE', `a/manifests/${digestOf(old)}`)).status, 202);
    const before = registry.usage();
    assert.deepEqual(await registry.collectGarbage(), { blobs: 0, bytes: 0, uploads: 0, manifests: 0 });
    now += grace;
    const collected = await registry.collectGarbage();
    assert.deepEqual(collected, { blobs: 2, bytes: 'old layernever referred to'.length, uploads: 0, manifests: 0 });
    assert.equal(registry.usage().bytes, before.bytes - collected.bytes);
    assert.equal((await running.ask('GET', `a/blobs/${digestOf('shared')}`)).status, 404);
    assert.equal((await running.ask('GET', `b/blobs/${digestOf('shared')}`)).text, 'shared');
    await running.restart();
    assert.equal((await running.ask('GET', `a/blobs/${digestOf('old layer')}`)).status, 404);
    assert.equal((await running.ask('GET', `b/blobs/${digestOf('shared')}`)).text, 'shared');
  });

  it('leaves a push alone that takes longer than the grace, as long as something of it is seen', async () => {
    const { host, registry } = running;
    const layers = ['first', 'second', 'third', 'fourth'];
    for (const layer of ['{}', ...layers]) {
      await pushBlob(host, 'a', layer);
      now += grace - minute;
      await registry.collectGarbage();
    }
    const answer = await pushManifest(host, 'a', 'slow', manifestOf(['{}', ...layers]));
    assert.equal(answer.status, 201, answer.text);
  });

  it('leaves a blob alone that somebody has asked for, and one whose repository is being uploaded to', async () => {
    const { host, registry } = running;
    const manifest = await pushImage(host, 'a', 'latest', ['{}', 'layer']);
    await running.ask('DELETE', `a/manifests/${digestOf(manifest)}`);
    now += grace;
    assert.equal((await running.ask('HEAD', `a/blobs/${digestOf('layer')}`)).status, 200);
    await registry.collectGarbage();
    assert.equal((await running.ask('GET', `a/blobs/${digestOf('layer')}`)).status, 200);
    const begun = await running.ask('POST', 'a/blobs/uploads/');
    now += grace - 1;
    await running.ask('PATCH', begun.headers.get('location') ?? '', 'something');
    now += grace - 1;
    await registry.collectGarbage();
    // Nothing but the open upload has touched the repository since.
    assert.equal((await running.ask('GET', `a/blobs/${digestOf('layer')}`)).status, 200);
    now += grace;
    assert.deepEqual(await registry.collectGarbage(), { blobs: 2, bytes: 16, uploads: 1, manifests: 0 });
    assert.equal((await running.ask('GET', begun.headers.get('location') ?? '')).status, 404);
  });

  it('never makes a push fail or an image incomplete, in whatever order clients and collections come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(clientArbitrary, { minLength: 2, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: grace - 1 }), { minLength: 4, maxLength: 12 }),
        async (scheduler, clients, pauses) => {
          await using own = await startRegistry({ now: () => now, grace });
          // What an earlier day left: garbage that HEAD and mount still find.
          for (const repository of ['a', 'b']) {
            const manifest = await pushImage(own.host, repository, 'old', ['{}', 'one', 'two']);
            await own.ask('DELETE', `${repository}/manifests/${digestOf(manifest)}`);
          }
          now += 2 * grace;
          /** When each client that still pushes took its last step. */
          const steps = new Map<Client, number>();
          const turn = async (what: string, client?: Client): Promise<void> => {
            await scheduler.schedule(Promise.resolve(), what);
            if (client !== undefined) steps.set(client, now);
          };
          const deleted = new Set<string>();
          const accepted = new Map<string, readonly string[]>();
          const push = async (client: Client, index: number): Promise<void> => {
            const { repository, tag, blobs, removes } = client;
            // Until its first step a client has no blob that it counts on.
            for (const blob of blobs) {
              await turn(`HEAD ${blob}`, client);
              const there = await own.ask('HEAD', `${repository}/blobs/${digestOf(blob)}`);
              if (there.status === 200) continue;
              await turn(`POST ${blob}`, client);
              const mount = await own.ask('POST', `${repository}/blobs/uploads/?mount=${digestOf(blob)}&from=b`);
              if (mount.status === 201) continue;
              await turn(`PUT ${blob}`, client);
              const place = mount.headers.get('location') ?? '';
              const sent = await own.ask('PUT', `${place}?digest=${digestOf(blob)}`, blob);
              assert.equal(sent.status, 201, sent.text);
            }
            await turn(`manifest ${tag}`, client);
            // Each an image of its own: nobody deletes another one's.
            const manifest = manifestOf(blobs, { annotations: { client: `${index}` } });
            const answer = await pushManifest(own.host, repository, tag, manifest);
            assert.equal(answer.status, 201, `${answer.text} in ${scheduler.report().length} steps`);
            accepted.set(`${repository} ${digestOf(manifest)}`, blobs);
            steps.delete(client);
            if (!removes) return;
            await turn(`DELETE ${tag}`);
            deleted.add(`${repository} ${digestOf(manifest)}`);
            await own.ask('DELETE', `${repository}/manifests/${digestOf(manifest)}`);
          };
          const collect = async (): Promise<void> => {
            for (const pause of pauses) {
              await turn('collect');
              // Nobody who pushes is silent for the grace.
              const oldest = Math.min(now, ...steps.values());
              now += Math.max(0, Math.min(pause, oldest + grace - 1 - now));
              await own.registry.collectGarbage();
            }
          };
          await scheduler.waitFor(Promise.all([...clients.map(push), collect()]));
          now += grace;
          await own.registry.collectGarbage();
          for (const [image, blobs] of accepted) {
            if (deleted.has(image)) continue;
            const [repository] = image.split(' ');
            for (const blob of blobs) {
              const read = await own.ask('GET', `${repository}/blobs/${digestOf(blob)}`);
              assert.deepEqual([read.status, read.text], [200, blob], image);
            }
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it('without any grace takes no blob from under a manifest that was accepted', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(40), { minLength: 10, maxLength: 20 }), async (pauses) => {
        await using own = await startRegistry({ grace: 0 });
        let pushing = true;
        const collect = async (): Promise<void> => {
          for (let turn = 0; pushing; turn += 1) {
            for (let tick = pauses[turn % pauses.length] ?? 0; tick >= 0; tick -= 1) await setImmediate();
            await own.registry.collectGarbage();
          }
        };
        const push = async (client: number): Promise<string | undefined> => {
          await pushBlob(own.host, 'a', `layer ${client}`);
          const answer = await pushManifest(own.host, 'a', `t${client}`, manifestOf([`layer ${client}`]));
          assert.ok(answer.status === 201 || answer.codes[0] === 'MANIFEST_BLOB_UNKNOWN', answer.text);
          return answer.status === 201 ? `layer ${client}` : undefined;
        };
        const collecting = collect();
        const kept = await Promise.all([0, 1, 2, 3].map(push));
        pushing = false;
        await collecting;
        await own.restart();
        for (const blob of kept) {
          if (blob === undefined) continue;
          accepted += 1;
          assert.equal((await own.ask('GET', `a/blobs/${digestOf(blob)}`)).text, blob);
        }
      }),
      { numRuns: 15 },
    );
    assert.ok(accepted > 0, 'some pushes were quicker than the collections');
  });
});

interface Client {
  readonly repository: string;
  readonly tag: string;
  readonly blobs: readonly string[];
  readonly removes: boolean;
}

/** Few repositories and contents, so that clients meet. */
const clientArbitrary: fc.Arbitrary<Client> = fc.record({
  repository: fc.constantFrom('a', 'b'),
  tag: fc.constantFrom('x', 'y'),
  blobs: fc.uniqueArray(fc.constantFrom('{}', 'one', 'two', 'three'), { minLength: 1, maxLength: 3 }),
  removes: fc.boolean(),
});

describe('what counts as garbage', () => {
  const blobs = ['sha256:1', 'sha256:2', 'sha256:3'];
  const manifest = (digest: string, time: number, more: object = {}) => ({
    do: 'manifest' as const,
    repository: 'a',
    digest,
    size: 1,
    time,
    mediaType: mediaTypes.ociManifest,
    blobs: [],
    manifests: [],
    ...more,
  });
  const marking = (catalogue: Catalogue, now: number) => ({
    catalogue,
    now,
    grace: 10,
    uploading: () => false,
    needed: () => false,
  });

  it('is never a blob that a manifest names, one that a push under way needs, or a younger one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...blobs), fc.nat(100)), { maxLength: 6 }),
        fc.array(fc.subarray(blobs), { maxLength: 3 }),
        fc.subarray(blobs),
        fc.nat(120),
        (links, manifests, needed, now) => {
          const catalogue = new Catalogue();
          for (const [digest, time] of links) catalogue.apply({ do: 'link', repository: 'a', digest, size: 1, time });
          for (const [index, named] of manifests.entries())
            catalogue.apply(manifest(`sha256:m${index}`, 0, { blobs: named }));
          const garbage = markGarbage({ ...marking(catalogue, now), needed: (digest) => needed.includes(digest) });
          for (const { digest } of garbage) {
            assert.equal(manifests.flat().includes(digest), false);
            assert.equal(needed.includes(digest), false);
            assert.ok(now - (catalogue.blob('a', digest)?.touched ?? now) >= 10);
          }
        },
      ),
    );
  });

  it('is an old manifest only if no tag, index, signature or running function leads to it', () => {
    const catalogue = new Catalogue();
    catalogue.apply(manifest('sha256:child', 1));
    catalogue.apply(manifest('sha256:index', 2, { manifests: ['sha256:child'] }));
    catalogue.apply({ do: 'tag', repository: 'a', tag: 'latest', digest: 'sha256:index' });
    catalogue.apply(manifest('sha256:signature', 3, { subject: 'sha256:child' }));
    catalogue.apply(manifest('sha256:older', 5));
    catalogue.apply(manifest('sha256:old', 4, { manifests: ['sha256:older'] }));
    catalogue.apply(manifest('sha256:running', 6));
    catalogue.apply(manifest('sha256:young', 95));
    const untagged = findUntagged(marking(catalogue, 100), new Set(['sha256:running']));
    assert.deepEqual(
      untagged.map(({ digest }) => digest),
      ['sha256:old', 'sha256:older'],
    );
  });
});
