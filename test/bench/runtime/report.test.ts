import assert from 'node:assert/strict';
import { contestantNames } from './contestant.ts';
import { formatReport, formatSpread, type Outcome } from './report.ts';
import { type ClosedLoop, connectionCounts, type Sample } from './sample.ts';
import { judge } from './targets.ts';

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
    watchdog: 'our own small watchdog',
    generators: ['wrk 4.1.0', 'vegeta v12.13.0'],
    rounds: 3,
    quick: false,
    missing: {},
    samples,
    judged: judge(samples, contestantNames),
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
      /the generator was the limit .*: bare-go at 32, bare-go at 256/,
    );
  });

  it('leaves a target that was not measured unknown, with the reason', async () => {
    const samples = threeRounds.filter(({ contestant }) => contestant !== 'official-go');
    const text = await formatReport(outcomeOf(samples, { missing: { 'official-go': 'there is no go on PATH' } }));
    assert.match(text, /^bantam-go +official-go +req\/s at 32 +– +at least 4 +unknown$/m);
    assert.match(text, /^not measured: official-go: there is no go on PATH$/m);
  });

  it('judges only what was asked for', () => {
    assert.deepEqual(judge(threeRounds, ['bantam-go']), []);
    assert.deepEqual(
      judge(threeRounds, ['bantam-go', 'bare-go']).map(({ theirs }) => theirs),
      ['bare-go', 'bare-go', 'bare-go', 'bare-go'],
    );
  });

  it('shows one figure without a spread', () => {
    assert.equal(formatSpread({ median: 2, min: 2, max: 2, count: 1 }, 1), '2.0');
    assert.equal(formatSpread({ median: 2, min: 1, max: 4, count: 3 }, 0), '2 (1–4)');
    assert.equal(formatSpread(undefined, 0), '–');
  });
});
