import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Probe } from '../../cli/replica/probe.ts';
import { type Action, type Observation, type Rule, readinessRule, type State } from '../../cli/rollout/readiness.ts';
import { beginWatch, step } from '../../cli/rollout/step.ts';

const rule: Rule = { ...readinessRule, deploy: 'new' };
const answer = (deploy: string, replica = 'pod-1', ready = true): Probe => ({
  kind: 'answer',
  ready,
  status: ready ? 200 : 503,
  revision: 'r',
  deploy,
  replica,
});
const notYet = (reason = 'connection refused', status?: number): Probe => ({
  kind: 'not-yet',
  reason,
  ...(status === undefined ? {} : { status }),
});
const status = (at: number, replicas = 1, deploy: string | undefined = 'new'): Observation => ({
  kind: 'status',
  at,
  replicas,
  available: replicas,
  deploy,
  image: 'x',
});

/** Drives the machine as watch.ts does, in virtual time: the world answers probes (each batch after `latency`) and statuses. */
function drive(
  world: { probe: (at: number, number: number) => Probe; status?: (at: number, number: number) => Observation },
  used: Rule = rule,
  start = 5000,
  latency = 0,
): { state: State; action: Extract<Action, { kind: 'settle' }>; at: number; seen: Observation[]; most: number } {
  let at = start;
  let probes = 0;
  let reads = 0;
  let most = 0;
  const seen: Observation[] = [];
  let { state, action } = beginWatch(used, at);
  while (action.kind !== 'settle') {
    at += Math.max(action.after, 1) + (action.kind === 'probe' ? latency : 0);
    const observations: Observation[] =
      action.kind === 'probe'
        ? Array.from({ length: action.count }, () => ({
            kind: 'probe',
            at,
            probe: world.probe(at - start, probes++),
          }))
        : [world.status?.(at, reads++) ?? status(at)];
    most = Math.max(most, observations.length);
    for (const observation of observations) {
      seen.push(observation);
      ({ state, action } = step(state, observation));
      if (action.kind === 'settle') break;
    }
    assert.ok(at - start < used.timeout + 5000, 'the watch does not end');
  }
  return { state, action, at: at - start, seen, most };
}

describe('readiness rule', () => {
  it('is ready after a second of answers, and says how long it took', () => {
    const { action, state, at } = drive({ probe: (time) => (time < 2000 ? notYet() : answer('new')) });
    assert.deepEqual(action, { kind: 'settle', verdict: 'ready', reason: '' });
    assert.ok(
      state.counts.windowMilliseconds >= 1000 && state.counts.windowAnswers >= 15,
      JSON.stringify(state.counts),
    );
    assert.ok(at >= 3000 && at < 3700, `ready at ${at}`);
    assert.ok(
      (state.counts.firstAnswerMilliseconds ?? 0) >= 2000 && (state.counts.firstAnswerMilliseconds ?? 0) < 2300,
    );
    assert.equal(state.counts.windowReplicas, 1);
  });

  it('needs sixteen answers per replica, of as many replicas as the gateway wants', () => {
    const { state, action } = drive({
      probe: (_time, number) => answer('new', `pod-${number % 3}`),
      status: (at) => status(at, 3),
    });
    assert.equal(action.verdict, 'ready');
    assert.ok(state.counts.windowAnswers >= 48);
    assert.equal(state.counts.windowReplicas, 3);
  });

  it('is not ready when a wanted replica never answers, and says how many were seen', () => {
    const { action, state } = drive({
      probe: (_time, number) => answer('new', `pod-${number % 2}`),
      status: (at) => status(at, 3),
    });
    assert.deepEqual(action, { kind: 'settle', verdict: 'not-ready', reason: '2 of 3 replicas answered' });
    assert.deepEqual([state.counts.windowReplicas, state.wanted], [2, 3]);
    assert.ok(state.counts.tries < 1300, `polled ${state.counts.tries} times in a minute`);
  });

  it('takes the number of replicas at the end, not at the beginning', () => {
    const { action } = drive({ probe: () => answer('new'), status: (at, number) => status(at, number === 0 ? 2 : 1) });
    assert.equal(action.verdict, 'ready');
    const { action: scaled } = drive({
      probe: () => answer('new'),
      status: (at, number) => status(at, number === 0 ? 1 : 2),
    });
    assert.deepEqual([scaled.verdict, scaled.reason], ['not-ready', '1 of 2 replicas answered']);
  });

  it('does not believe answers while the gateway shows no replica: it has exited, or was scaled to zero', () => {
    const none = (at: number, replicas: number): Observation => ({
      kind: 'status',
      at,
      replicas,
      available: 0,
      deploy: 'new',
      image: 'x',
    });
    const exited = drive({ probe: () => answer('new'), status: (at) => none(at, 0) });
    assert.deepEqual(
      [exited.action.verdict, exited.action.reason],
      ['not-ready', 'the gateway shows no replica of it: it has exited, or was scaled to zero'],
    );
    const unavailable = drive({ probe: () => answer('new'), status: (at) => none(at, 1) });
    assert.deepEqual(
      [unavailable.action.verdict, unavailable.action.reason],
      ['not-ready', 'the gateway calls 0 of 1 replicas available'],
    );
    const silent = drive({ probe: () => notYet('503 No endpoints', 503), status: (at) => none(at, 0) });
    assert.equal(
      silent.action.reason,
      '503 No endpoints; the gateway shows no replica of it: it has exited, or was scaled to zero',
    );
    assert.equal(
      drive({ probe: () => notYet(), status: (at) => ({ kind: 'absent', at }) }, { ...rule, timeout: 1000 }).action
        .reason,
      'the gateway does not know it',
    );
    const late = drive({
      probe: () => answer('new'),
      status: (at, number) => (number < 4 ? none(at, 0) : status(at)),
    });
    assert.equal(late.action.verdict, 'ready');
    assertProven(late.seen);
    assert.ok(late.at >= 4000, `ready at ${late.at}, though no replica was shown for three seconds`);
  });

  it('starts again after a moment in which the gateway did not know it', () => {
    const { action, seen, at } = drive({
      probe: () => answer('new'),
      status: (time, number) => (number === 1 ? { kind: 'absent', at: time } : status(time)),
    });
    assert.equal(action.verdict, 'ready');
    assert.ok(at >= 2000, `ready at ${at} although it was gone at about 1000`);
    assertProven(seen);
  });

  it('needs an answer after a status that could not be read', () => {
    let { state } = beginWatch(rule, 0);
    const see = (observation: Observation): Action => {
      const next = step(state, observation);
      state = next.state;
      return next.action;
    };
    see(status(0));
    for (let at = 50; at <= 1100; at += 50) see({ kind: 'probe', at, probe: answer('new') });
    see({ kind: 'unreadable', at: 1110, reason: 'the gateway does not answer' });
    assert.equal(see(status(1120)).kind, 'probe', 'ready without an answer since the gap');
    see({ kind: 'probe', at: 1150, probe: answer('new') });
    assert.equal(see(status(1160)).kind, 'settle');
  });

  it('comes to a verdict with thirty replicas that take their time: several are asked at once, at most eight', () => {
    let random = 7;
    const pick = (): number => {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      return Math.floor((random / 2 ** 32) * 30);
    };
    const { action, state, at, most } = drive(
      { probe: () => answer('new', `pod-${pick()}`), status: (time) => status(time, 30) },
      rule,
      5000,
      100,
    );
    assert.deepEqual([action.verdict, action.reason], ['ready', '']);
    assert.ok(state.counts.windowAnswers >= 480 && at < 20_000, `${state.counts.windowAnswers} answers in ${at} ms`);
    assert.equal(most, 8);
    assert.equal(drive({ probe: () => answer('new') }).most, 1, 'one replica is asked one at a time');
    assert.equal(
      drive({ probe: () => notYet(), status: (time) => status(time, 30) }).most,
      1,
      'what does not answer is not pressed',
    );
  });

  it('says what was missing when the time was up', () => {
    const ended = (probe: (time: number) => Probe, latency = 0): string =>
      drive({ probe, status: (time) => status(time, 3) }, { ...rule, timeout: 10_000 }, 5000, latency).action.reason;
    assert.match(
      ended(() => answer('new'), 2000),
      /^only \d+ of the 48 answers that 3 replicas need came in \d+\.\d s$/,
    );
    assert.match(
      ended((time) => (time < 9700 ? notYet() : answer('new'))),
      /^it answered for the last 0\.\d s only; before that: connection refused$/,
    );
    assert.match(
      ended((time) => (time < 9700 ? answer('old') : answer('new'))),
      /before that: other code still answers \(deploy old\)$/,
    );
    assert.match(
      drive({ probe: () => answer('new') }, { ...rule, timeout: 500 }).action.reason,
      /^it answered for the last 0\.\d s only$/,
    );
  });

  it('starts again with each answer of other code, each error, each answer that is not ready', () => {
    for (const disturbance of [answer('old'), notYet('500 Can’t reach service', 500), answer('new', 'pod-1', false)]) {
      const { state, at } = drive({ probe: (_time, number) => (number === 18 ? disturbance : answer('new')) });
      assert.ok(at >= 2000, `ready at ${at} although the window was broken at about 1000`);
      assert.ok((state.counts.windowStartMilliseconds ?? 0) > (state.counts.firstAnswerMilliseconds ?? 0));
    }
  });

  it('names the old code that never goes', () => {
    const { action, state } = drive({ probe: (_time, number) => answer(number % 7 === 0 ? 'old' : 'new') });
    assert.equal(action.verdict, 'not-ready');
    assert.match(action.reason, /deploy old/);
    assert.ok(state.counts.otherAnswers > 50);
  });

  it('is not fooled by chance: an old replica that gets its share of the calls for ten seconds', () => {
    for (const replicas of [1, 2, 3]) {
      for (let seed = 1; seed <= 200; seed++) {
        let random = seed;
        const chance = (): number => {
          random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
          return random / 2 ** 32;
        };
        const { action, at } = drive({
          probe: (time) =>
            time < 10_000 && chance() < 1 / (replicas + 1)
              ? answer('old', 'pod-old')
              : answer('new', `pod-${Math.floor(chance() * replicas)}`),
          status: (time) => status(time, replicas),
        });
        assert.equal(action.verdict, 'ready');
        assert.ok(at >= 10_000, `${replicas} replicas, seed ${seed}: called ready at ${at} while old code answered`);
      }
    }
  });

  it('gives the last reason, and counts each', () => {
    const { action, state } = drive({
      probe: (time) => (time < 30_000 ? notYet('connection refused') : notYet('503 No endpoints', 503)),
    });
    assert.deepEqual([action.verdict, action.reason], ['not-ready', '503 No endpoints']);
    assert.deepEqual(Object.keys(state.counts.notYet), ['connection refused', '503 No endpoints']);
    assert.equal(
      Object.values(state.counts.notYet).reduce((sum, count) => sum + count, 0),
      state.counts.tries,
    );
  });

  it('sees that somebody else deployed, removed it, or went around bantam', () => {
    const ended = (change: (at: number) => Observation): [string, string] => {
      const { action } = drive({
        probe: () => notYet(),
        status: (at, number) => (number === 0 ? status(at) : change(at)),
      });
      return [action.verdict, action.reason];
    };
    assert.deepEqual(
      ended((at) => status(at, 1, 'third')),
      ['superseded', 'deploy third took its place'],
    );
    assert.deepEqual(
      ended((at) => ({ kind: 'absent', at })),
      ['superseded', 'somebody removed it meanwhile'],
    );
    assert.deepEqual(
      ended((at) => ({ kind: 'status', at, replicas: 1, available: 1, deploy: undefined, image: 'x' })),
      ['superseded', 'something other than bantam deployed it meanwhile'],
    );
  });

  it('takes a status that is missing for moments (faasd), and stale ones of before, for nothing', () => {
    assert.equal(
      drive({
        probe: () => answer('new'),
        status: (at, number) => (number === 1 ? { kind: 'absent', at } : status(at)),
      }).action.verdict,
      'ready',
    );
    assert.equal(
      drive({ probe: () => notYet(), status: (at, number) => (number % 5 === 0 ? status(at) : { kind: 'absent', at }) })
        .action.verdict,
      'not-ready',
    );
    const stale = { ...rule, before: { deploy: 'old' } };
    assert.equal(
      drive({ probe: () => answer('new'), status: (at, number) => status(at, 1, number < 2 ? 'old' : 'new') }, stale)
        .action.verdict,
      'ready',
    );
    assert.equal(
      drive({ probe: () => answer('new'), status: (at) => status(at, 1, 'old') }, stale).action.verdict,
      'not-ready',
    );
    assert.equal(
      drive({ probe: () => answer('new'), status: (at) => status(at, 1, 'third') }, stale).action.verdict,
      'superseded',
    );
  });

  it('does not believe a status where annotations never come back', () => {
    const used = { ...rule, annotationsReturned: false };
    assert.equal(
      drive(
        {
          probe: () => answer('new'),
          status: (at) => ({ kind: 'status', at, replicas: 1, available: 1, deploy: undefined, image: 'x' }),
        },
        used,
      ).action.verdict,
      'ready',
    );
  });

  it('waits out a status that cannot be read, and never says ready without one', () => {
    const unreadable = (at: number): Observation => ({ kind: 'unreadable', at, reason: 'the gateway does not answer' });
    assert.equal(
      drive({ probe: () => answer('new'), status: (at, number) => (number < 4 ? unreadable(at) : status(at)) }).action
        .verdict,
      'ready',
    );
    const { action } = drive({ probe: () => answer('new'), status: unreadable });
    assert.deepEqual(
      [action.verdict, action.reason],
      ['not-ready', "the gateway's status could not be read: the gateway does not answer"],
    );
  });

  it('gives up at once when something in front of the functions wants credentials', () => {
    const { action, state } = drive({ probe: () => notYet('401 Unauthorized', 401) });
    assert.equal(action.verdict, 'not-ready');
    assert.match(action.reason, /asks for credentials \(401 Unauthorized\)/);
    assert.equal(state.counts.tries, 3);
  });

  const anyProbe = fc.oneof(
    { weight: 6, arbitrary: fc.nat(2).map((pod) => answer('new', `pod-${pod}`)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        answer('old'),
        answer('third'),
        answer('new', 'pod-0', false),
        notYet(),
        notYet('301 to /ui/', 301),
        notYet('401', 401),
      ),
    },
  );
  const anyObservation = fc.oneof(
    { weight: 8, arbitrary: anyProbe.map((probe) => ({ kind: 'probe' as const, probe })) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('status' as const),
        replicas: fc.nat(3),
        available: fc.nat(3),
        deploy: fc.constant('new'),
        image: fc.constant('x'),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'unreadable' as const, reason: 'broken' }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'absent' as const }) },
  );
  const history = fc.array(fc.tuple(fc.nat(400), anyObservation), { minLength: 1, maxLength: 120 });

  it('is never ready unless the last second or more held good answers only, enough of them, of enough replicas (any history)', () => {
    fc.assert(
      fc.property(history, (events) => {
        let at = 0;
        let { state } = beginWatch(rule, at);
        const seen: Observation[] = [];
        for (const [pause, event] of events) {
          at += pause;
          const observation: Observation = { ...event, at };
          seen.push(observation);
          const next = step(state, observation);
          if (next.action.kind === 'settle') {
            if (next.action.verdict === 'ready') assertProven(seen);
            return;
          }
          state = next.state;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('counts grow only, and add up (any history)', () => {
    fc.assert(
      fc.property(history, (events) => {
        let at = 0;
        let { state } = beginWatch(rule, at);
        for (const [pause, event] of events) {
          at += pause;
          const next = step(state, { ...event, at });
          const [before, after] = [state.counts, next.state.counts];
          for (const key of ['tries', 'answers', 'otherAnswers'] as const) assert.ok(after[key] >= before[key]);
          for (const [reason, count] of Object.entries(before.notYet)) assert.ok((after.notYet[reason] ?? 0) >= count);
          const notYetTotal = Object.values(after.notYet).reduce((sum, count) => sum + count, 0);
          assert.equal(after.answers + after.otherAnswers + notYetTotal, after.tries);
          assert.ok(after.windowAnswers <= after.answers && after.windowReplicas <= after.windowAnswers);
          if (next.action.kind === 'settle') return;
          assert.ok(next.action.after >= 0 && next.action.after <= 250);
          state = next.state;
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('is ready in the end whenever only new code answers from some time on (any beginning, any spread over replicas)', () => {
    fc.assert(
      fc.property(
        fc.array(
          anyProbe.filter((probe) => probe.kind === 'answer' || probe.status !== 401),
          { maxLength: 60 },
        ),
        fc.integer({ min: 1, max: 5 }),
        fc.integer(),
        (beginning, replicas, seed) => {
          let random = seed >>> 0;
          const pick = (): number => {
            random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
            return Math.floor((random / 2 ** 32) * replicas);
          };
          const { action, at, seen } = drive({
            probe: (_time, number) => beginning[number] ?? answer('new', `pod-${pick()}`),
            status: (time) => status(time, replicas),
          });
          assert.equal(action.verdict, 'ready');
          assert.ok(at < 60_000);
          assertProven(seen);
        },
      ),
    );
  });
});

/** The rule, said a second time and in another way: backwards from the verdict. */
function assertProven(seen: readonly Observation[]): void {
  const last = seen.at(-1);
  assert.ok(last?.kind === 'status' && last.deploy === 'new', 'ready without a status that confirms it');
  assert.ok(last.replicas > 0 && last.available > 0, 'ready though the gateway shows no replica');
  const good: Extract<Observation, { kind: 'probe' }>[] = [];
  for (const observation of [...seen].reverse()) {
    if (observation.kind === 'unreadable') assert.ok(good.length > 0, 'ready without an answer since the last gap');
    if (observation.kind === 'absent') break;
    if (observation.kind === 'status' && (observation.replicas < 1 || observation.available < 1)) break;
    if (observation.kind !== 'probe') continue;
    const { probe } = observation;
    if (probe.kind !== 'answer' || probe.deploy !== 'new' || !probe.ready) break;
    good.push(observation);
  }
  const wanted = last.replicas;
  assert.ok(good.length >= 16 * wanted, `${good.length} answers for ${wanted} replicas`);
  assert.ok((good[0]?.at ?? 0) - (good.at(-1)?.at ?? 0) >= 1000, 'the window is too short');
  assert.ok(
    new Set(good.map(({ probe }) => (probe.kind === 'answer' ? probe.replica : ''))).size >= wanted,
    'too few replicas',
  );
}
