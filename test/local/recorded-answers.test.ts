import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faasNetes } from '../../cli/local/dialect/faas-netes.ts';
import { createGateway } from '../../cli/local/gateway/gateway.ts';
import { type Listener, listen } from '../../cli/local/gateway/listen.ts';
import { SecretStore } from '../../cli/local/state/secret-store.ts';
import { type Scene, scenes } from '../recordings/exchanges.ts';
import { type Answer, type Call, callGateway, type Gateway } from '../recordings/gateway-call.ts';
import { Normaliser } from '../recordings/normalise.ts';
import { readExchange } from '../recordings/read-recording.ts';
import { type Flat, flatten, Pairs, withoutStandIns } from './answer-comparison.ts';
import { RecordedProvider } from './recorded-provider.ts';

/** A difference that is meant: what the local gateway says instead, for exactly the parts that differ (`undefined`: it lacks that part); `<time>`, `<uid>` … stand for what differs each time. */
interface Difference {
  readonly reason: string;
  readonly ours: Readonly<Record<string, string | undefined>>;
}

/** A cluster whose gateway scales from zero holds a call until a replica answers, or breaks it off after 100 s. */
function notHeld(service: string, recorded: Readonly<Record<string, undefined>>): Difference {
  return {
    reason: 'nothing scales from zero here: a function without a healthy replica is 503 at once, not held for 100 s',
    ours: {
      ...recorded,
      status: '503',
      body: `No endpoints available for: ${service}.`,
      'x-openfaas-internal': 'proxy',
    },
  };
}

const brokenOff = { failure: undefined };
const heldUntilReady = {
  'x-bantam-deploy': undefined,
  'x-bantam-replica': undefined,
  'x-bantam-revision': undefined,
  'x-call-id': undefined,
  'x-start-time': undefined,
};
const plain = { 'content-type': 'text/plain; charset=utf-8' };
const withPlain = (difference: Difference): Difference => ({ ...difference, ours: { ...difference.ours, ...plain } });

/** Every place where the local gateway is not like the real one, and why. An entry that no longer differs fails the test. */
const differences: Readonly<Record<string, Difference>> = {
  info: {
    reason: 'it says what it is, so that nobody takes it for a cluster; the orchestration names whom it imitates',
    ours: {
      body: '{"arch":"","provider":{"orchestration":"kubernetes","provider":"bantam-local","version":{"release":"9.9.9","sha":""}},"version":{"release":"9.9.9","sha":""}}',
    },
  },
  root: {
    reason: 'it has no web page',
    ours: {
      status: '404',
      body: '404 page not found\n',
      location: undefined,
      ...plain,
      'x-content-type-options': 'nosniff',
    },
  },
  'logs-since-future': {
    reason: 'the kind of a log is told before it is known whether a line will come',
    ours: plain,
  },
  'read-after-update-by-tag-and-digest': {
    reason:
      'a cluster counts the old replica for a while after the new one answers; in this test an update is over at once',
    ours: {
      body: '{"annotations":{"bantam.deploy":"d3","bantam.revision":"revision-d3","prometheus.io.scrape":"false"},"availableReplicas":1,"createdAt":"<time>","image":"registry.test:5000/recorded:one@sha256:54c8cd5a7657e78fb065b8ac44146e4dc79a46283a45f0625eb13061996498bd","labels":{"faas_function":"rec-life","role":"recorded","uid":"<uid>"},"limits":{"cpu":"200m","memory":"64Mi"},"name":"rec-life","namespace":"openfaas-fn","replicas":1,"requests":{"cpu":"10m","memory":"16Mi"}}',
    },
  },
  'ready-right-after-create': notHeld('rec-life', heldUntilReady),
  'ready-slow': notHeld('rec-slow', heldUntilReady),
  'invoke-exits': withPlain(notHeld('rec-exits', brokenOff)),
  'invoke-after-create-bad-image': withPlain(notHeld('rec-c-bad-image', brokenOff)),
  'invoke-after-create-missing-tag': withPlain(notHeld('rec-c-missing-tag', brokenOff)),
  'invoke-after-create-foreign-platform': withPlain(notHeld('rec-c-foreign-platform', brokenOff)),
  'invoke-after-create-registry-down': withPlain(notHeld('rec-c-registry-down', brokenOff)),
};

/** Headers that are not compared, by reason. Each must still differ somewhere. */
const headersLeftOut: Readonly<Record<string, string>> = {
  'x-served-by': 'the Community Edition signs with it; here no such program serves',
  'x-duration-seconds': 'other versions of the gateway send it, and it is useful at a desk',
};

const absent = '(absent)';

describe('the embedded gateway beside the recorded faas-netes', () => {
  const registry = 'registry.test:5000';
  const digests = new Map<string, string>();
  const seenLeftOut = new Set<string>();
  const pairs = new Pairs();
  const closing = new AbortController();
  let folder: string;
  let listener: Listener;
  let provider: RecordedProvider;
  let gateway: Gateway;
  let normaliser: Normaliser;

  before(async () => {
    // The digests of the images that were pushed stand in the requests.
    for (const [tag, name] of [
      ['one', 'create-by-tag-and-digest'],
      ['two', 'update-by-digest'],
    ] as const)
      digests.set(
        tag,
        /sha256:[0-9a-f]{64}/.exec((await readExchange('faas-netes', name)).request.body ?? '')?.[0] ?? '',
      );
    folder = await mkdtemp(join(tmpdir(), 'bantam-recorded-'));
    const secrets = await SecretStore.open(join(folder, 'secrets'));
    const credentials = { user: 'admin', password: 'the-password' };
    provider = new RecordedProvider({ tagOf, secretFile: (name) => secrets.file(name) });
    listener = await listen(
      '127.0.0.1',
      0,
      createGateway({ provider, secrets, dialect: faasNetes, credentials, version: '9.9.9', closing: closing.signal }),
    );
    gateway = { url: new URL(`http://127.0.0.1:${listener.port}`), ...credentials };
    normaliser = new Normaliser({ registry, gateway: gateway.url.host, hosts: [] });
  });
  after(async () => {
    closing.abort();
    await listener.close();
    await provider.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The recorded image that a reference means: its digest's, else its tag's. */
  function tagOf(image: string): string | undefined {
    if (!image.startsWith(`${registry}/recorded`)) return undefined;
    const digest = /@(?<digest>sha256:.*)$/.exec(image)?.groups?.['digest'];
    if (digest !== undefined) return [...digests].find(([, known]) => known === digest)?.[0];
    return image.slice(`${registry}/recorded:`.length);
  }

  const images = {
    tagged: (tag: string) => `${registry}/recorded:${tag}`,
    digest: (tag: string) => digests.get(tag) ?? '',
  };
  const ask = (call: Call): Promise<Answer> => callGateway(gateway, call, 10_000);
  const send = (method: string, body: unknown): Promise<Answer> =>
    ask({ method, path: '/system/functions', body: JSON.stringify(body) });

  async function play(scene: Scene): Promise<Readonly<Record<string, unknown>>> {
    const wrong: Record<string, unknown> = {};
    for (const prepared of scene.prepare ?? []) await send('POST', prepared);
    await provider.settle('until it answers');
    for (const { name, call, until } of scene.exchanges) {
      const recording = await readExchange('faas-netes', name);
      const { credentials = 'right', ...rest } = call;
      assert.deepEqual({ ...rest, credentials }, recording.request, `${name} asks what was recorded`);
      const answer = await ask(call);
      const found = compare(flatten(recording.answer), flatten(clean(answer)));
      const meant = differences[name]?.ours ?? {};
      if (JSON.stringify(sorted(found)) !== JSON.stringify(sorted(named(meant))))
        wrong[name] = { recorded: recording.answer, differs: found, meant: named(meant) };
      if (until !== undefined) await provider.settle(until.kind === 'answers' ? 'until it answers' : 'a pause');
    }
    for (const { name } of provider.list()) await send('DELETE', { functionName: name });
    await provider.settle('a pause');
    return wrong;
  }

  function clean(answer: Answer): Answer {
    if (!('status' in answer)) return answer;
    return { ...answer, headers: normaliser.headers(answer.headers), body: normaliser.text(answer.body) };
  }

  /** The parts of ours that differ. Stand-ins must correspond: what was equal in the recordings is equal here. */
  function compare(recorded: Flat, ours: Flat): Record<string, string> {
    const found: Record<string, string> = {};
    for (const part of new Set([...Object.keys(recorded), ...Object.keys(ours)])) {
      const [theirs, own] = [recorded[part], ours[part]];
      if (headersLeftOut[part] !== undefined) {
        if (theirs !== own) seenLeftOut.add(part);
        continue;
      }
      if (theirs === undefined || own === undefined) found[part] = own ?? absent;
      else if (withoutStandIns(theirs) !== withoutStandIns(own)) found[part] = withoutStandIns(own);
      else if (!pairs.correspond(theirs, own)) found[part] = `other stand-ins: ${own}`;
    }
    return found;
  }

  // The digests are not known yet; they are not needed for names.
  scenes({ ...images, digest: () => '' }).forEach(({ name }, index) => {
    it(name, async () => {
      const scene = scenes(images)[index];
      assert.ok(scene !== undefined);
      assert.deepEqual(await play(scene), {});
    });
  });

  it('has no difference on its list that nobody asks about, and no header left out that is the same', () => {
    const asked = scenes(images).flatMap((scene) => scene.exchanges.map((exchange) => exchange.name));
    assert.deepEqual(
      Object.keys(differences).filter((name) => !asked.includes(name)),
      [],
    );
    assert.deepEqual([...seenLeftOut].sort(), Object.keys(headersLeftOut).sort());
  });
});

function named(parts: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(parts).map(([part, value]) => [part, value ?? absent]));
}

function sorted(parts: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(parts).sort(([left], [right]) => (left < right ? -1 : 1));
}
