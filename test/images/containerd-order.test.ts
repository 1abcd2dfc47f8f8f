import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { entryTaken, platformsTaken } from '../../cli/oci/containerd.ts';
import { nodeOf } from '../../cli/oci/node.ts';
import { formatPlatform, parsePlatform } from '../../cli/oci/platform.ts';
import type { ImageEntry } from '../../cli/oci/read-image.ts';
import { named } from './shapes-of-indexes.ts';

const recorded = v.object({ cases: v.array(v.tuple([v.string(), v.string(), v.number()])) });

describe("containerd's choice", () => {
  it('is what its own library answered for 500 indexes', async () => {
    const text = await readFile(new URL('containerd-order.json', import.meta.url), 'utf8');
    const { cases } = v.parse(recorded, JSON.parse(text));
    assert.equal(cases.length, 500);
    for (const [asks, listed, expected] of cases) {
      const entries = listed.split(' ').map((text, index): ImageEntry => {
        const { os = '', architecture = '', variant } = named(text);
        const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
        return { digest: String(index), platform, content: { kind: 'unread', reason: 'nobody asked for it' } };
      });
      const { os = '', architecture = '', variant } = named(asks);
      const node = nodeOf({ os, architecture, ...(variant ? { variant } : {}) });
      const taken = entryTaken({ isIndex: true, entries }, node);
      assert.equal(taken.kind === 'entry' ? Number(taken.entry.digest) : -1, expected, `${asks} of ${listed}`);
    }
  });

  it('falls back as it does', () => {
    const order = (platform: string) => platformsTaken(parsePlatform(platform)).map(formatPlatform).join(' ');
    assert.equal(order('linux/arm64'), 'linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5');
    assert.equal(order('linux/arm/v7'), 'linux/arm/v7 linux/arm/v6 linux/arm/v5');
    assert.equal(order('linux/arm/v6'), 'linux/arm/v6 linux/arm/v5');
    assert.equal(order('linux/amd64'), 'linux/amd64 linux/386');
    assert.equal(order('linux/amd64/v3'), 'linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386');
  });

  it('depends on an entry without a platform that was not read', () => {
    const entry: ImageEntry = { digest: 'x', platform: undefined, content: { kind: 'unread', reason: 'offline' } };
    assert.deepEqual(entryTaken({ isIndex: true, entries: [entry] }, nodeOf(parsePlatform('arm64'))), {
      kind: 'undecided',
      entry,
    });
    assert.deepEqual(entryTaken({ isIndex: false, entries: [] }, nodeOf(parsePlatform('arm64'))), { kind: 'none' });
  });
});
