import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, truncate } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import fc from 'fast-check';
import { Catalogue } from '../../../cli/local/registry/catalogue.ts';
import { type JournalRecord, openJournal } from '../../../cli/local/registry/journal.ts';
import { temporaryFolder } from '../../e2e/program.ts';
import { startRegistryProcess } from './registry-process.ts';
import { ask, digestOf, manifestOf, pushManifest, startRegistry } from './running-registry.ts';

describe('a registry that is killed', function () {
  this.timeout(60_000);

  it('shows after the next start all that it had acknowledged, nothing else, and goes on with uploads', async () => {
    await using place = await temporaryFolder();
    const folder = join(place.path, 'registry');
    const blobs = new Map<string, Buffer>();
    const manifests = new Map<string, string>();
    // Killed once in the middle of bodies, once as soon as something is acknowledged, once between many.
    for (const killAfter of [0, 1, 25]) {
      await using victim = await startRegistryProcess(folder);
      const begun = await ask(victim.host, 'POST', 'a/blobs/uploads/');
      const halfPlace = begun.headers.get('location') ?? '';
      assert.equal((await ask(victim.host, 'PATCH', halfPlace, 'acknowledged ')).status, 202);
      let acknowledged = 0;
      let over = false;
      const dead = new Promise<void>((resolve) => {
        const end = (): void => {
          if (!over) void victim.kill().then(resolve);
          over = true;
        };
        const maybeEnd = (): void => {
          acknowledged += 1;
          if (killAfter > 0 && acknowledged >= killAfter) end();
        };
        for (let client = 0; client < 8; client += 1) void pushUntilDead(victim.host, client, () => over, maybeEnd);
        // One that is in the middle of a body when the end comes.
        stall(victim.host, halfPlace, killAfter === 0 ? end : () => undefined);
      });
      await dead;

      await using after = await startRegistry({ folder });
      await requireWhole(folder);
      for (const [path, bytes] of blobs) {
        const read = await after.ask('GET', path);
        assert.ok(read.status === 200 && read.bytes.equals(bytes), `${path}: ${read.status}`);
      }
      for (const [path, text] of manifests) assert.equal((await after.ask('GET', path)).text, text, path);
      assert.deepEqual(
        after.events.filter(({ type }) => type === 'warning'),
        [],
      );
      // The journal may have been cut in the middle of a line; what is asked now is the truth of where the upload stands.
      const status = await after.ask('GET', halfPlace);
      assert.equal(status.status, 204);
      const length = Number((status.headers.get('range') ?? '').split('-')[1]) + 1;
      const sent = `acknowledged ${'x'.repeat(100_000)}`.slice(0, length);
      assert.ok(length >= 'acknowledged '.length, `${length}`);
      const whole = `${sent} and the rest`;
      const end = await after.ask('PUT', `${halfPlace}?digest=${digestOf(whole)}`, ' and the rest', {
        'content-range': `${length}-${whole.length - 1}`,
      });
      assert.equal(end.status, 201, end.text);
      blobs.set(`a/blobs/${digestOf(whole)}`, Buffer.from(whole));
    }
    assert.ok(blobs.size > 3);

    async function pushUntilDead(
      host: string,
      client: number,
      isOver: () => boolean,
      count: () => void,
    ): Promise<void> {
      while (!isOver()) {
        const repository = `team/fn-${client % 3}`;
        const bytes = randomBytes(20_000 + client * 50_000);
        const digest = digestOf(bytes);
        const sent = await ask(host, 'POST', `${repository}/blobs/uploads/?digest=${digest}`, bytes).catch(
          () => undefined,
        );
        if (sent?.status !== 201) return;
        blobs.set(`${repository}/blobs/${digest}`, bytes);
        count();
        const manifest = manifestOf([bytes]);
        const tag = `t-${client}`;
        const answer = await pushManifest(host, repository, tag, manifest).catch(() => undefined);
        if (answer?.status !== 201) {
          // Either it was kept, and nobody heard of it, or not.
          manifests.delete(`${repository}/manifests/${tag}`);
          return;
        }
        manifests.set(`${repository}/manifests/${tag}`, manifest);
        count();
      }
    }
  });

  function stall(host: string, path: string, arrived: () => void): void {
    const [hostname, port] = host.split(':');
    const headers = { 'content-length': 200_000 };
    const sending = request({ hostname, port, path, method: 'PATCH', headers, agent: false });
    sending.on('error', () => undefined);
    sending.write('x'.repeat(100_000), () => arrived());
  }

  async function requireWhole(folder: string): Promise<void> {
    for (const algorithm of ['sha256', 'sha512'])
      for (const name of await readdir(join(folder, 'blobs', algorithm))) {
        const bytes = await readFile(join(folder, 'blobs', algorithm, name));
        assert.equal(createHash(algorithm).update(bytes).digest('hex'), name);
      }
  }
});

describe('the journal of the registry', () => {
  const records: JournalRecord[][] = [
    [{ do: 'link', repository: 'a', digest: 'sha256:1', size: 1, time: 1 }],
    [
      {
        do: 'manifest',
        repository: 'a',
        digest: 'sha256:2',
        size: 2,
        time: 2,
        mediaType: 'ä/b',
        blobs: ['sha256:1'],
        manifests: [],
      },
      { do: 'tag', repository: 'a', tag: 'latest', digest: 'sha256:2' },
    ],
    [{ do: 'tag', repository: 'a', tag: 'V1', digest: 'sha256:2' }],
    [{ do: 'untag', repository: 'a', tag: 'latest' }],
  ];
  const stateAfter = (lines: number): unknown => {
    const catalogue = new Catalogue();
    for (const record of records.slice(0, lines).flat()) catalogue.apply(record);
    return [...catalogue.snapshot()];
  };

  it('cut at any byte holds its whole lines, never a part of what is true together, and is written on', async () => {
    await using place = await temporaryFolder();
    const path = join(place.path, 'journal.ndjson');
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, noNaN: true }), async (share) => {
        await truncate(path, 0).catch(() => undefined);
        const { journal } = await openJournal(path);
        for (const line of records) await journal.append(line);
        await journal.close();
        const bytes = await readFile(path);
        const cut = Math.floor(share * bytes.length);
        await truncate(path, cut);
        const whole = bytes.subarray(0, cut).toString('latin1').split('\n').length - 1;

        const opened = await openJournal(path);
        assert.equal(opened.damagedLines, 0);
        const catalogue = new Catalogue();
        for (const record of opened.records) catalogue.apply(record);
        assert.deepEqual([...catalogue.snapshot()], stateAfter(whole));
        for (const line of records.slice(whole)) await opened.journal.append(line);
        await opened.journal.compact(() => records);
        await opened.journal.append([{ do: 'untag', repository: 'a', tag: 'V1' }]);
        await opened.journal.close();
        const last = await openJournal(path);
        await last.journal.close();
        assert.equal([...last.records].length, records.flat().length + 1);
      }),
      { numRuns: 25 },
    );
  });
});
