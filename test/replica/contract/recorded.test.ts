import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Context } from 'mocha';
import limit from 'p-limit';
import { openBench } from '../../../cli/replica/contract/bench.ts';
import { skip } from '../../real-parts.ts';
import { hasGo, removeTemporaryFolders } from '../../templates/build-context.ts';
import { buildForGo, buildForNode } from './targets.ts';
import { exchanges, type Observation, type Recording } from './watchdog-exchanges.ts';

/** Where we answer with another status on purpose: docs/runtime.md, "Life" and "Settings". */
const differs: Readonly<Record<string, { readonly status: number; readonly why: string }>> = {
  'health by HEAD': { status: 200, why: 'health and ready answer GET and HEAD' },
  'ready with ready_path whose answer is 204': { status: 200, why: 'a 2xx of ready_path makes it ready: 200' },
  'ready with ready_path whose answer is 404': { status: 503, why: 'not ready is 503, whatever ready_path says' },
  'ready with ready_path whose answer is 302': { status: 503, why: 'not ready is 503, whatever ready_path says' },
  '/_/health after SIGTERM, within healthcheck_interval': { status: 200, why: 'it is alive and not to be killed' },
};

/** Of the process we promise these four; of-watchdog has those of its library. */
const promised = /^(http_|process_(cpu_seconds_total|resident_memory_bytes|start_time_seconds|open_fds)\b)/;

const { observations } = JSON.parse(
  await readFile(new URL('../../recordings/of-watchdog/answers.json', import.meta.url), 'utf8'),
) as Recording;

for (const [runtime, build] of [
  ['bantam-ts', () => buildForNode()],
  ['bantam-go', buildForGo],
] as const) {
  describe(`what of-watchdog was recorded to answer, ${runtime}`, () => {
    const life = new AbortController();
    const asked = new Map<string, Promise<Observation>>();

    before(async function (this: Context) {
      if (runtime === 'bantam-go' && !hasGo) skip(this, 'no Go compiler on PATH');
      this.timeout(300_000); // the first compilation of Go's standard library
      const target = await build();
      const few = limit(4);
      for (const { name, ask } of exchanges) {
        const observation = few(() => ask(openBench(target, life.signal)));
        observation.catch(() => undefined); // its test says so
        asked.set(name, observation);
      }
    });
    after(async () => {
      life.abort();
      await Promise.allSettled(asked.values());
      await removeTemporaryFolders();
    });

    for (const { name } of exchanges)
      it(name, async function () {
        this.timeout(120_000);
        const theirs = observations[name];
        assert.ok(theirs, 'it is not recorded: record again');
        const ours = await asked.get(name);
        assert.ok(ours);
        expectSame(ours, theirs, differs[name]?.status);
      });
  });
}

function expectSame(ours: Observation, theirs: Observation, otherStatus: number | undefined): void {
  assert.equal(ours.status, otherStatus ?? theirs.status, 'status');
  if (otherStatus !== undefined)
    assert.notEqual(otherStatus, theirs.status, 'a difference is named where there is none');
  for (const [header, shape] of Object.entries(theirs.headers ?? {}))
    assert.equal(ours.headers?.[header], shape, `shape of ${header}`);
  // Where the runtime itself answers, only the word for "well" is a promise.
  if (theirs.body === 'OK') assert.equal(ours.body?.trim(), 'OK');
  assert.deepEqual(ours.lines?.map(comparable), theirs.lines?.map(comparable), 'lines');
  const missing = (theirs.metrics ?? []).filter((text) => promised.test(text) && !ours.metrics?.includes(text));
  assert.deepEqual(missing, [], 'on the metrics port');
}

/** A line without what differs on purpose: date, our name before it, query string, the call's id, a length of -1 for "not known". */
function comparable(line: string): string {
  return line
    .replace(/^0000\/00\/00 00:00:00 (?=[A-Z]+ \/)/, '')
    .replace(/^bantam: /, '')
    .replace(/\?\S+/, '')
    .replace(/ \[id\]$/, '')
    .replace(/ContentLength: -?\d+B/, 'ContentLength: 0B');
}
