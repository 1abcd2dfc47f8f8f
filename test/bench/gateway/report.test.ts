import assert from 'node:assert/strict';
import { UsageError } from '../usage-error.ts';
import { readGatewayOptions } from './bench.ts';
import type { WaySample } from './measure.ts';
import { formatGatewayReport, judgeAdded } from './report.ts';
import type { WayName } from './ways.ts';

/** A round in which the way's latencies are those of the figures at both rates. */
function sample(way: WayName, round: number, p50: number | undefined, p99: number | undefined, errors = 0): WaySample {
  const latencies = { 100: { p50, p99 }, 500: { p50, p99 } };
  return { way, round, latencies, requestsPerSecond: 1000, processorTime: 1, errors };
}

describe('the bench of the gateway', () => {
  it('takes no nonsense', () => {
    for (const argv of [['--rounds', 'x'], ['--rounds', '0'], ['--turns', '3'], ['x']])
      assert.throws(() => readGatewayOptions(argv, {}), UsageError);
    assert.deepEqual(readGatewayOptions([], { BANTAM_GATEWAY_PEER: '' }).peer, undefined);
    const { peer, effort, json } = readGatewayOptions(['--quick', '--json', '--rounds', '7'], {
      BANTAM_GATEWAY_PEER: '/x',
    });
    assert.deepEqual([peer, effort.rounds, json], ['/x', 7, true]);
  });

  it('judges what is added, round by round', () => {
    const samples = [0, 1, 2].flatMap((round) => [
      sample('direct', round, 1 + round, 10),
      sample('bantam', round, 1.5 + round, 16),
      sample('peer', round, 2 + round, 30),
    ]);
    const judged = judgeAdded({ samples, rounds: 3 });
    assert.deepEqual(
      judged.map(({ way, rate, figure, added, verdict }) => [way, rate, figure, added?.median, verdict]),
      [
        ['bantam', 100, 'p50', 0.5, 'met'],
        ['bantam', 100, 'p99', 6, 'missed'],
        ['bantam', 500, 'p50', 0.5, 'met'],
        ['bantam', 500, 'p99', 6, 'missed'],
        ['peer', 100, 'p50', 1, undefined],
        ['peer', 100, 'p99', 20, undefined],
        ['peer', 500, 'p50', 1, undefined],
        ['peer', 500, 'p99', 20, undefined],
      ],
    );
  });

  it('knows nothing of a round that is missing or had errors', () => {
    const samples = [0, 1, 2, 3].flatMap((round) => [
      sample('direct', round, 1, 1),
      sample('bantam', round, round === 3 ? undefined : 1, 1),
    ]);
    assert.deepEqual(
      judgeAdded({ samples, rounds: 4 }).map(({ verdict }) => verdict),
      ['unknown', 'met', 'unknown', 'met'],
    );
  });

  it('says which way had errors', async () => {
    const samples = [sample('direct', 0, 1, 1), sample('bantam', 0, undefined, undefined, 3)];
    const text = await formatGatewayReport({ head: ['a machine'], rounds: 1, samples });
    assert.match(text, /^a machine\n/);
    assert.match(text, /\nbantam \* +– +–/);
    assert.match(text, /\n\* some requests were not answered well\n/);
  });
});
