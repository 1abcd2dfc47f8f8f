import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dialect } from '../../cli/local/dialect/dialect.ts';
import { faasNetes, faasNetesCommunity } from '../../cli/local/dialect/faas-netes.ts';
import { faasd } from '../../cli/local/dialect/faasd.ts';
import { type Scene, scenes } from '../recordings/exchanges.ts';
import { type Answer, type Call, callGateway } from '../recordings/gateway-call.ts';
import { Normaliser } from '../recordings/normalise.ts';
import { type RecordedProvider as Provider, readExchange } from '../recordings/read-recording.ts';
import { type Flat, flatten, Pairs, withoutStandIns } from './answer-comparison.ts';
import {
  communityDifferences,
  type Differences,
  faasdDifferences,
  faasNetesDifferences,
  headersLeftOut,
} from './recorded-differences.ts';
import { type RecordedGateway, recordedRegistry, startRecordedGateway } from './recorded-gateway.ts';

/** What is played against which recordings. */
const plays: readonly {
  readonly title: string;
  readonly dialect: Dialect;
  readonly provider: Provider;
  readonly differences: Differences;
}[] = [
  { title: 'as faasd', dialect: { ...faasd, firstAnswer: 0 }, provider: 'faasd', differences: faasdDifferences },
  {
    title: 'as faas-netes, Community Edition,',
    dialect: faasNetesCommunity,
    provider: 'faas-netes',
    differences: communityDifferences,
  },
  { title: 'as faas-netes', dialect: faasNetes, provider: 'faas-netes', differences: faasNetesDifferences },
];

const absent = '(absent)';

for (const { title, dialect, provider, differences } of plays)
  describe(`the embedded gateway ${title} beside the recorded ${provider}`, () => {
    const seenLeftOut = new Set<string>();
    const pairs = new Pairs();
    let folder: string;
    let recorded: RecordedGateway;
    let normaliser: Normaliser;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'bantam-recorded-'));
      recorded = await startRecordedGateway(folder, dialect, provider);
      normaliser = new Normaliser({ registry: recordedRegistry, gateway: recorded.gateway.url.host, hosts: [] });
    });
    after(async () => {
      await recorded.close();
      await rm(folder, { recursive: true, force: true });
    });

    const ask = (call: Call): Promise<Answer> => callGateway(recorded.gateway, call, 10_000);
    const send = (method: string, body: unknown): Promise<Answer> =>
      ask({ method, path: '/system/functions', body: JSON.stringify(body) });

    async function play(scene: Scene): Promise<Readonly<Record<string, unknown>>> {
      const wrong: Record<string, unknown> = {};
      for (const prepared of scene.prepare ?? []) await send('POST', prepared);
      await recorded.provider.settle('until it answers');
      for (const { name, call, until } of scene.exchanges) {
        const recording = await readExchange(provider, name);
        const { credentials = 'right', ...rest } = call;
        assert.deepEqual({ ...rest, credentials }, recording.request, `${name} asks what was recorded`);
        const answer = await ask(call);
        const found = compare(flatten(recording.answer), flatten(clean(answer)));
        const meant = differences[name]?.ours ?? {};
        if (JSON.stringify(sorted(found)) !== JSON.stringify(sorted(named(meant))))
          wrong[name] = { recorded: recording.answer, differs: found, meant: named(meant) };
        if (until !== undefined)
          await recorded.provider.settle(until.kind === 'answers' ? 'until it answers' : 'a pause');
      }
      for (const { name } of recorded.provider.list()) await send('DELETE', { functionName: name });
      await recorded.provider.settle('a pause');
      return wrong;
    }

    function clean(answer: Answer): Answer {
      if (!('status' in answer)) return answer;
      return { ...answer, headers: normaliser.headers(answer.headers), body: normaliser.text(answer.body) };
    }

    /** The parts of ours that differ. Stand-ins must correspond: what was equal in the recordings is equal here. */
    function compare(theirParts: Flat, ours: Flat): Record<string, string> {
      const found: Record<string, string> = {};
      for (const part of new Set([...Object.keys(theirParts), ...Object.keys(ours)])) {
        const [theirs, own] = [theirParts[part], ours[part]];
        if (headersLeftOut[part] !== undefined) {
          if (theirs !== own) seenLeftOut.add(part);
          continue;
        }
        if (theirs === undefined || own === undefined) found[part] = own === undefined ? absent : withoutStandIns(own);
        else if (withoutStandIns(theirs) !== withoutStandIns(own)) found[part] = withoutStandIns(own);
        else if (!pairs.correspond(theirs, own)) found[part] = `other stand-ins: ${own}`;
      }
      return found;
    }

    // The digests are not known yet; they are not needed for names.
    scenes({ tagged: (tag) => `${recordedRegistry}/recorded:${tag}`, digest: () => '' }).forEach(({ name }, index) => {
      it(name, async () => {
        const scene = scenes(recorded.images)[index];
        assert.ok(scene !== undefined);
        assert.deepEqual(await play(scene), {});
      });
    });

    it('has no difference on its list that nobody asks about, and no header left out that is the same', () => {
      const asked = scenes(recorded.images).flatMap((scene) => scene.exchanges.map((exchange) => exchange.name));
      assert.deepEqual(
        Object.keys(differences).filter((name) => !asked.includes(name)),
        [],
      );
      assert.deepEqual([...seenLeftOut].sort(), Object.keys(headersLeftOut).sort());
    });
  });

describe('docs/local-dialects.md', () => {
  it('has a row for each difference from the recordings, and no other row under that heading', async () => {
    const text = await readFile(join(import.meta.dirname, '../../docs/local-dialects.md'), 'utf8');
    const recordedPart = /^## Held to the recordings$(?<part>.*?)^## /ms.exec(text)?.groups?.['part'] ?? '';
    const rows = [...recordedPart.matchAll(/^\| (?<what>[^|]+?) +\|/gm)].map((row) => row.groups?.['what'] ?? '');
    const meant = plays.flatMap(({ differences }) => Object.values(differences).map(({ row }) => row));
    assert.deepEqual(
      rows.filter((row) => row !== 'What' && !/^-+$/.test(row)).sort(),
      [...new Set([...meant, ...Object.values(headersLeftOut)])].sort(),
    );
  });
});

function named(parts: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(parts).map(([part, value]) => [part, value ?? absent]));
}

function sorted(parts: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(parts).sort(([left], [right]) => (left < right ? -1 : 1));
}
