import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { scenes } from './exchanges.ts';
import { Normaliser } from './normalise.ts';
import { listRecordings, readExchange, readTimeline } from './read-recording.ts';
import { timelines } from './timelines.ts';

const images = { tagged: (tag: string) => `registry.test:5000/recorded:${tag}`, digest: () => 'sha256:0' };
const asked = scenes(images).flatMap((scene) => scene.exchanges.map((exchange) => exchange.name));
const watched = timelines(images, false).map((timeline) => timeline.name);

describe('recordings', () => {
  it('name no question twice', () => {
    assert.equal(new Set([...asked, ...watched]).size, asked.length + watched.length);
  });

  for (const provider of ['faasd', 'faas-netes'] as const) {
    it(`${provider}: every question has its recording, and every recording its question`, async () => {
      assert.deepEqual(await listRecordings(provider), [...asked, ...watched].sort());
    });

    it(`${provider}: every recording has the documented shape and its own name`, async () => {
      for (const name of asked) {
        const exchange = await readExchange(provider, name);
        assert.equal(exchange.name, name);
        assert.equal(exchange.provider, provider);
      }
      for (const name of watched) {
        const timeline = await readTimeline(provider, name);
        assert.equal(timeline.name, name);
        assert.equal(timeline.moments.filter((moment) => moment.probe === 'change').length, 1, name);
        assert.ok(
          timeline.moments.some((moment) => moment.probe === 'function'),
          name,
        );
      }
    });

    it(`${provider}: no recording names a machine, a path of it or a moment`, async () => {
      for (const name of await listRecordings(provider)) {
        const text = await readFile(join(import.meta.dirname, provider, `${name}.json`), 'utf8');
        const unwanted = text.match(/\/(opt|root|home|work|tmp)\/|127\.0\.0\.1:(?!1\/|1:|80\d\d)\d+/);
        assert.equal(unwanted?.[0], undefined, `${name} holds ${unwanted?.[0]}`);
        assert.ok(!text.includes(hostname()), `${name} holds the host's name`);
        for (const [time] of text.matchAll(/\d{4}-\d\d-\d\dT\d\d:\d\d/g)) {
          assert.match(time, /^(2026-01-0\dT|2037-01-01T|2020-01-01T)/, name);
        }
      }
    });
  }
});

describe('Normaliser', () => {
  const normaliser = () =>
    new Normaliser({ registry: '127.0.0.1:5510', gateway: '127.0.0.1:8080', hosts: ['some-host'] });

  it('keeps equal values equal and different ones different', () => {
    const one = normaliser();
    const [a, b] = ['2026-11-22T17:42:55.633327997Z', '2026-11-22T17:42:56Z'];
    assert.equal(
      one.text(`${a} ${b} ${a}`),
      '2026-01-01T00:00:01.000000000Z 2026-01-01T00:00:02Z 2026-01-01T00:00:01.000000000Z',
    );
    const pods = one.text('rec-life-f8474c7b8-4kvz2 rec-life-b9884795c-kfltk rec-life-f8474c7b8-4kvz2');
    assert.equal(pods, 'rec-life-0000000000-00001 rec-life-0000000000-00002 rec-life-0000000000-00001');
  });

  it('replaces places and leaves the loopback address of a message alone', () => {
    const text = normaliser().text(
      '127.0.0.1:5510/recorded:one on some-host, dial tcp 127.0.0.1:1: refused, pod 10.78.0.3:8080',
    );
    assert.equal(
      text,
      'registry.test:5000/recorded:one on node.test, dial tcp 127.0.0.1:1: refused, pod 192.0.2.1:8080',
    );
  });
});
