import assert from 'node:assert/strict';
import fc from 'fast-check';
import { nextStep, type ReplicaView } from '../../cli/local/replicas/rolling-update.ts';

const view = (name: string, generation: string, ready = true, stopping = false): ReplicaView => ({
  name,
  generation,
  ready,
  stopping,
});

describe('the next step of a rolling update', () => {
  const cases: readonly [string, readonly ReplicaView[], number, { start: number; stop: readonly string[] }][] = [
    ['starts all replicas of a new function at once', [], 3, { start: 3, stop: [] }],
    ['starts one beside the old one', [view('a', 'old')], 1, { start: 1, stop: [] }],
    ['waits while the new one is not ready', [view('a', 'old'), view('b', 'new', false)], 1, { start: 0, stop: [] }],
    ['stops the old one once the new one is ready', [view('a', 'old'), view('b', 'new')], 1, { start: 0, stop: ['a'] }],
    ['replaces an old one that never became ready at once', [view('a', 'old', false)], 1, { start: 1, stop: ['a'] }],
    [
      'drops the not yet ready one of an update that was overtaken',
      [view('a', 'first'), view('b', 'second', false)],
      1,
      { start: 1, stop: ['b'] },
    ],
    ['goes one by one with several', [view('a', 'old'), view('b', 'old'), view('c', 'old')], 3, { start: 1, stop: [] }],
    ['scales up', [view('a', 'new')], 3, { start: 2, stop: [] }],
    [
      'scales down, the sick ones first',
      [view('a', 'new'), view('b', 'new', false), view('c', 'new')],
      2,
      { start: 0, stop: ['b'] },
    ],
    ['stops all when none is wanted', [view('a', 'old'), view('b', 'new')], 0, { start: 0, stop: ['a', 'b'] }],
    ['leaves what is stopping alone', [view('a', 'old', false, true)], 1, { start: 1, stop: [] }],
    ['has nothing to do', [view('a', 'new')], 1, { start: 0, stop: [] }],
  ];
  for (const [what, replicas, wanted, expected] of cases)
    it(what, () => assert.deepEqual(nextStep(replicas, 'new', wanted), expected));

  const replacements: typeof cases = [
    ['stops the old ones and waits', [view('a', 'old'), view('b', 'old', false)], 2, { start: 0, stop: ['a', 'b'] }],
    ['waits while an old one is stopping', [view('a', 'old', false, true)], 1, { start: 0, stop: [] }],
    ['starts all when the old ones are gone', [], 2, { start: 2, stop: [] }],
    ['scales as ever', [view('a', 'new')], 3, { start: 2, stop: [] }],
    ['waits for no end of its own generation', [view('a', 'new', false, true)], 1, { start: 1, stop: [] }],
  ];
  for (const [what, replicas, wanted, expected] of replacements)
    it(`with \`replace\` ${what}`, () => assert.deepEqual(nextStep(replicas, 'new', wanted, 'replace'), expected));

  it('never takes a ready replica that is needed, never surges by more than one beside serving old ones, and ends where it should', () => {
    const updates = fc.array(fc.record({ wanted: fc.integer({ min: 0, max: 4 }), healthy: fc.boolean() }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(updates, (rollouts) => {
        let replicas: ReplicaView[] = [];
        let made = 0;
        rollouts.forEach(({ wanted, healthy }, index) => {
          for (let round = 0; round < 40; round += 1) {
            const readyBefore = replicas.filter((replica) => replica.ready).length;
            const step = nextStep(replicas, `g${index}`, wanted);
            const serving = replicas.some((replica) => replica.ready && replica.generation !== `g${index}`);
            replicas = replicas.filter((replica) => !step.stop.includes(replica.name));
            const readyAfter = replicas.filter((replica) => replica.ready).length;
            assert.ok(readyAfter >= Math.min(readyBefore, wanted), 'availability');
            for (let count = 0; count < step.start; count += 1) replicas.push(view(`r${made++}`, `g${index}`, false));
            if (serving) assert.ok(replicas.length <= Math.max(wanted + 1, readyBefore), 'surge');
            if (healthy) replicas = replicas.map((replica) => ({ ...replica, ready: true }));
          }
          if (healthy || wanted === 0) {
            assert.equal(replicas.length, wanted);
            assert.ok(replicas.every((replica) => replica.ready && replica.generation === `g${index}`));
          }
        });
      }),
    );
  });
});
