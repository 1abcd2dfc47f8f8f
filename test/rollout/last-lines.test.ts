import assert from 'node:assert/strict';
import { Interrupted, UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { openGateway } from '../../cli/openfaas/client.ts';
import { systemClock } from '../../cli/rollout/clock.ts';
import { readLastLines } from '../../cli/rollout/last-lines.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

describe('last lines of a log', () => {
  let far: StandIn;
  let events: Event[];
  const never = new AbortController().signal;
  beforeEach(async () => {
    far = await startStandIn();
    events = [];
  });
  afterEach(() => far.close());
  const line = (second: number, text: string, instance = 'pod-1'): string =>
    `${JSON.stringify({ instance, timestamp: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`, text: `${text}\n` })}\n`;
  const read = (signal: AbortSignal, milliseconds?: number) =>
    readLastLines(
      { gateway: openGateway({ url: far.url }), report: (event) => void events.push(event) },
      'hello',
      undefined,
      signal,
      milliseconds,
    );

  it('are ordered by time across replicas, the last twenty of them', async () => {
    far.logs = (response) => {
      for (let second = 39; second >= 0; second--) response.write(line(second, `at ${second}`, `pod-${second % 2}`));
      response.end();
    };
    const lines = await read(never);
    assert.equal(lines.length, 20);
    assert.deepEqual(
      [lines[0], lines[19]],
      [
        { instance: 'pod-0', text: 'at 20' },
        { instance: 'pod-1', text: 'at 39' },
      ],
    );
  });

  it('are those that came, where the log does not end', async () => {
    far.logs = (response) => void response.write(line(1, 'only'));
    assert.deepEqual(await read(never, 100), [{ instance: 'pod-1', text: 'only' }]);
  });

  it('are none where the gateway hangs or refuses', async () => {
    far.logs = () => {};
    assert.deepEqual(await read(never, 50), []);
    far.logs = (response) => void response.writeHead(502).end();
    assert.deepEqual(await read(never), []);
  });

  it('are clipped, each at 2000 characters', async () => {
    far.logs = (response) => void response.end(`${line(1, 'y'.repeat(2000))}${line(2, 'x'.repeat(500_000))}`);
    const lines = await read(never);
    assert.deepEqual(
      lines.map(({ text }) => text),
      ['y'.repeat(2000), `${'x'.repeat(2000)}… (500000 characters)`],
    );
  });

  it('are those before a line that is no line (over 1 MiB), and the trouble is traced', async () => {
    far.logs = (response) => {
      response.write(line(1, 'before'));
      response.end('x'.repeat((1 << 20) + 100_000));
    };
    assert.deepEqual(await read(never), [{ instance: 'pod-1', text: 'before' }]);
    assert.match(events.map((event) => ('text' in event ? event.text : '')).join(), /log.*longer than 1 MiB/);
  });

  it('are none, and no failure, whatever goes wrong with the log', async () => {
    const gateway = {
      // biome-ignore lint/correctness/useYield: it fails before the first line.
      async *logs(): AsyncGenerator<never> {
        throw new TypeError('a bug');
      },
    };
    const report = (event: Event): void => void events.push(event);
    assert.deepEqual(await readLastLines({ gateway, report }, 'hello', undefined, never), []);
    assert.equal(events.length, 1);
  });

  it('stop with the user', async () => {
    const stop = new AbortController();
    far.logs = () => stop.abort();
    await assert.rejects(read(stop.signal), Interrupted);
  });
});

describe('the clock of the machine', () => {
  it('never goes back, sleeps, and wakes when told to', async () => {
    const before = systemClock.now();
    await systemClock.sleep(1, new AbortController().signal);
    assert.ok(systemClock.now() > before);
    const stop = new AbortController();
    const sleeping = systemClock.sleep(60_000, stop.signal);
    stop.abort();
    await assert.rejects(sleeping, (error) => error instanceof Interrupted && !(error instanceof UserError));
    await assert.rejects(systemClock.sleep(1, stop.signal), Interrupted);
  });
});
