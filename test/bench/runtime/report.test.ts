import assert from 'node:assert/strict';
import { contestantNames } from './contestant.ts';
import { formatReport, formatSpread, type Outcome } from './report.ts';
import { type ClosedLoop, connectionCounts, type Sample } from './sample.ts';
import { judge, memoryAfterLoad, rateAt } from './targets.ts';

const rates: Readonly<Record<string, number>> = {
  'bantam-ts': 19_000,
  'bantam-ts-unguarded': 19_500,
  'bare-node': 20_000,
  'official-node': 2_500,
  'bantam-go': 30_000,
  'bare-go': 34_000,
  'official-go': 5_000,
};

function sampleOf(contestant: string, round: number, change: Partial<ClosedLoop> = {}): Sample {
  const closed = connectionCounts.map((connections) => ({
    connections,
    requestsPerSecond: (rates[contestant] ?? 1) * (1 + round / 100),
    p50: 1.2,
    p99: 389.2,
    errors: 0,
    processorTime: 53.2,
    generatorLoad: 0.6,
    ...change,
  }));
  const open = { p50: 0.69, p99: 118.55, max: 190.1, requests: 2500, errors: 0 };
  const memory = { idle: 75 * 2 ** 20, afterLoad: 162 * 2 ** 20 };
  return { contestant, round, firstAnswers: [187, 202, 423], memory, closed, open };
}

function outcomeOf(samples: readonly Sample[], change: Partial<Outcome> = {}): Outcome {
  return {
    machine: '2 × Some Processor, Linux 6.1; server on core 0, generator on core 1',
    raised: false,
    node: 'v22.0.0',
    watchdog: { description: 'the real of-watchdog 0.9.15', isOurs: false },
    generators: ['wrk 4.1.0', 'vegeta v12.13.0'],
    rounds: 3,
    quick: false,
    missing: {},
    samples,
    judged: judge(samples, contestantNames, 3),
    ...change,
  };
}

const threeRounds = contestantNames.flatMap((name) => [0, 1, 2].map((round) => sampleOf(name, round)));

describe('the report of the runtime bench', () => {
  it('fits into 100 columns and names every contestant', async () => {
    const text = await formatReport(outcomeOf(threeRounds, { missing: { 'bare-go': 'needs Go '.repeat(40) } }));
    assert.deepEqual(
      text.split('\n').filter((line) => line.length > 100),
      [],
    );
    for (const name of contestantNames) assert.match(text, new RegExp(`^${name} +19190|^${name} +\\d+ \\(`, 'm'));
  });

  it('says of each target whether it is met', async () => {
    const text = await formatReport(outcomeOf(threeRounds));
    assert.match(text, /^bantam-ts +official-node +req\/s at 32 +7\.60 \(7\.60–7\.60\) +at least 6 +met$/m);
    assert.match(text, /^bantam-ts +official-node +memory after load +1\.00 \(1\.00–1\.00\) +at most 0\.65 +missed$/m);
    assert.match(text, /^bantam-go +bare-go +req\/s at 32 +0\.88 \(0\.88–0\.88\) +at least 0\.85 +met$/m);
  });

  it('judges no round that had errors, and marks it', async () => {
    const samples = threeRounds.map((sample) =>
      sample.contestant === 'bantam-ts' && sample.round === 1 ? sampleOf('bantam-ts', 1, { errors: 7 }) : sample,
    );
    const text = await formatReport(outcomeOf(samples));
    assert.match(text, /^bantam-ts +official-node +req\/s at 32 .* at least 6 +unknown$/m);
    assert.match(text, /^bantam-ts +\d+ \(\d+–\d+\) \*/m);
    assert.match(text, /^\* with answers of 400 and above.*\n?.*\(bantam-ts\)/m);
  });

  it('says when the generator was the limit', async () => {
    const samples = threeRounds.map((sample) =>
      sample.contestant === 'bare-go' ? sampleOf('bare-go', sample.round, { generatorLoad: 0.95 }) : sample,
    );
    assert.match(
      await formatReport(outcomeOf(samples)),
      /^the generator was the limit .*: bare-go at 1,\s+bare-go\s+at\s+32,\s+bare-go\s+at\s+256$/m,
    );
    const verdicts = judge(samples, contestantNames, 3).filter(({ theirs }) => theirs === 'bare-go');
    assert.deepEqual(
      verdicts.map(({ what, verdict }) => `${what}: ${verdict}`),
      ['req/s at 32: unknown', 'cpu/request at 32: undefined'],
    );
  });

  it('leaves a target that was not measured unknown, with the reason', async () => {
    const samples = threeRounds.filter(({ contestant }) => contestant !== 'official-go');
    const text = await formatReport(outcomeOf(samples, { missing: { 'official-go': 'there is no go on PATH' } }));
    assert.match(text, /^bantam-go +official-go +req\/s at 32 +– +at least 4 +unknown$/m);
    assert.match(text, /^not measured: official-go: there is no go on PATH$/m);
  });

  it('takes no rate of a sample with errors or a generator that was the limit, and no memory either', () => {
    const good = sampleOf('bantam-go', 0, { generatorLoad: 0.9 });
    assert.equal(rateAt(32)(good), 30_000);
    assert.equal(memoryAfterLoad(good), 162 * 2 ** 20);
    for (const change of [{ errors: 1 }, { generatorLoad: 0.91 }]) {
      const bad = sampleOf('bantam-go', 0, change);
      assert.equal(rateAt(32)(bad), undefined);
      assert.equal(memoryAfterLoad(bad), undefined);
      // One of several loops is enough: the memory is that after all of them.
      const [first] = bad.closed;
      assert.ok(first);
      assert.equal(memoryAfterLoad({ ...good, closed: [first, ...good.closed.slice(1)] }), undefined);
    }
    const { open } = good;
    assert.ok(open);
    assert.equal(memoryAfterLoad({ ...good, open: { ...open, errors: 1 } }), undefined);
    assert.equal(memoryAfterLoad({ ...good, open: undefined }), 162 * 2 ** 20);
  });

  it('gives no verdict where a round is missing, however many are there', () => {
    const five = contestantNames.flatMap((name) => [0, 1, 2, 3, 4].map((round) => sampleOf(name, round)));
    const verdictOf = (samples: readonly Sample[]) =>
      judge(samples, ['bantam-go', 'bare-go'], 5).find(({ target }) => target !== undefined)?.verdict;
    assert.equal(verdictOf(five), 'met');
    // The last round too, of which no sample tells that there should be one.
    for (const missing of [1, 4]) {
      assert.equal(verdictOf(five.filter(({ round }) => round !== missing)), 'unknown');
      assert.equal(
        verdictOf(five.filter(({ round, contestant }) => round !== missing || contestant !== 'bare-go')),
        'unknown',
      );
    }
  });

  it('says beside a verdict that the peer was our own watchdog', async () => {
    const watchdog = { description: 'our own small watchdog (no other)', isOurs: true };
    const text = await formatReport(outcomeOf(threeRounds, { watchdog }));
    assert.match(text, /^bantam-ts +official-node \(own\) +req\/s at 32 .* at least 6 +met$/m);
    assert.match(text, /^\(own\): behind our own small watchdog/m);
    assert.match(text, /^bantam-go +bare-go +req\/s at 32 .* at least 0\.85 +met$/m);
    assert.deepEqual(
      text.split('\n').filter((line) => line.length > 100),
      [],
    );
    assert.doesNotMatch(await formatReport(outcomeOf(threeRounds)), /\(own\)/);
  });

  it('judges only what was asked for', () => {
    assert.deepEqual(judge(threeRounds, ['bantam-go'], 3), []);
    assert.deepEqual(
      judge(threeRounds, ['bantam-go', 'bare-go'], 3).map(({ theirs }) => theirs),
      ['bare-go', 'bare-go', 'bare-go', 'bare-go'],
    );
  });

  it('shows one figure without a spread', () => {
    assert.equal(formatSpread({ median: 2, min: 2, max: 2, count: 1 }, 1), '2.0');
    assert.equal(formatSpread({ median: 2, min: 1, max: 4, count: 3 }, 0), '2 (1–4)');
    assert.equal(formatSpread(undefined, 0), '–');
  });
});
