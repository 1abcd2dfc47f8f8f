import { setMaxListeners } from 'node:events';
import { Interrupted } from '../../errors.ts';
import { openBench } from './bench.ts';
import { type CaseOutcome, type ContractCase, usualPatience } from './contract-case.ts';
import { Unkept } from './expectation.ts';
import { type Bench, type Replica, type Target, TargetFailure } from './target.ts';

/** What to hold a function to, and how. */
export interface RunOptions {
  readonly cases: readonly ContractCase[];
  /** Cases at a time; default 6. */
  readonly concurrency?: number;
  /** Whether the function is the contract handler of the tests. A user's function is only held to cases for any handler. */
  readonly contractHandler?: boolean;
  /** Milliseconds after which a case counts as failed, where not those that it names itself. */
  readonly patience?: (one: ContractCase) => number | undefined;
  readonly signal: AbortSignal;
  /** Called when a case begins and when its outcome is known. */
  readonly onBegin?: (name: string) => void;
  readonly onOutcome?: (outcome: CaseOutcome) => void;
}

/** Tries every case against replicas that `target` starts. Never rejects but with {@link Interrupted}, when `signal` aborts. */
export async function runContract(target: Target, options: RunOptions): Promise<readonly CaseOutcome[]> {
  const life = new AbortController();
  const signal = AbortSignal.any([options.signal, life.signal]);
  setMaxListeners(0, signal);
  const common = openBench(target, signal);
  let shared: Promise<Replica> | undefined;
  // Cases that need an address only share one replica: they neither signal it nor count what it has done. One case at a
  // time means one replica at a time, though.
  const share = (): Promise<Replica> => {
    shared ??= common.ready({ environment: sharedSettings });
    return shared;
  };
  const attempt = (one: ContractCase): Attempt => {
    if (one.needs === 'process') return (own) => onBench(target, own, (bench) => one.run(bench));
    if (options.concurrency !== 1) return async (own) => one.run({ url: (await share()).url, signal: own });
    return (own) => onBench(target, own, async (bench) => one.run(await bench.ready({ environment: sharedSettings })));
  };
  try {
    return await runAll(options, (one) => whyNot(one, target, options.contractHandler === true) ?? attempt(one));
  } finally {
    life.abort();
    await common.settled();
  }
}

/** A bench whose replicas have ended when this returns. */
async function onBench(target: Target, signal: AbortSignal, run: (bench: Bench) => Promise<void>): Promise<void> {
  const life = new AbortController();
  const either = AbortSignal.any([signal, life.signal]);
  setMaxListeners(0, either); // each wait of the case listens
  const bench = openBench(target, either);
  try {
    await run(bench);
  } finally {
    life.abort(new Unkept('the case is over'));
    await bench.settled();
  }
}

/** Tries the cases that need nothing but an address, a function behind a gateway for one. */
export async function runUrlContract(url: string, options: RunOptions): Promise<readonly CaseOutcome[]> {
  return await runAll(options, (one) => {
    if (one.needs !== 'url') return 'needs a replica of its own, not only an address';
    if (one.handler === 'contract' && options.contractHandler !== true) return 'needs the handler of the contract';
    return (signal) => one.run({ url, signal });
  });
}

const sharedSettings = { BANTAM_REVISION: '3f2a91c0', BANTAM_DEPLOY: 'd-1' };

type Attempt = (signal: AbortSignal) => Promise<void>;

function whyNot(one: ContractCase, target: Target, contractHandler: boolean): string | undefined {
  if (one.only !== undefined && !one.only.includes(target.runtime)) return `promised by ${one.only.join(', ')} only`;
  if (one.handler === 'contract' && !contractHandler) return 'needs the handler of the contract';
  return undefined;
}

/** `concurrency` cases at a time, but only one heavy one; heavy ones first, since they take longest. Outcomes in the order of the cases. */
async function runAll(
  options: RunOptions,
  attemptOf: (one: ContractCase) => Attempt | string,
): Promise<readonly CaseOutcome[]> {
  const outcomes = new Map<ContractCase, CaseOutcome>();
  const take = async (queue: ContractCase[]): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      if (options.signal.aborted) throw new Interrupted();
      const attempt = attemptOf(one);
      if (typeof attempt !== 'string') options.onBegin?.(one.name);
      const outcome =
        typeof attempt === 'string'
          ? { name: one.name, section: one.section, verdict: 'skipped' as const, reason: attempt, milliseconds: 0 }
          : await judge(one, attempt, options);
      outcomes.set(one, outcome);
      options.onOutcome?.(outcome);
    }
  };
  const light = options.cases.filter(({ heavy }) => heavy !== true);
  const heavy = options.cases.filter((one) => one.heavy === true);
  const width = options.concurrency ?? 6;
  if (width === 1) await take([...light, ...heavy]);
  else await Promise.all([take(heavy), ...Array.from({ length: width - 1 }, () => take(light))]);
  return options.cases.map((one) => outcomes.get(one)).filter((outcome) => outcome !== undefined);
}

/** Tries one case; its replicas end with it. */
async function judge(one: ContractCase, attempt: Attempt, options: RunOptions): Promise<CaseOutcome> {
  const patience = options.patience?.(one) ?? one.patience ?? usualPatience;
  const outer = options.signal;
  const life = new AbortController();
  const timer = setTimeout(() => life.abort(new Unkept(`expected an end within ${patience / 1000} s`)), patience);
  const began = performance.now();
  const say = (verdict: CaseOutcome['verdict'], reason = ''): CaseOutcome => ({
    name: one.name,
    section: one.section,
    verdict,
    reason,
    milliseconds: Math.round(performance.now() - began),
  });
  try {
    const signal = AbortSignal.any([outer, life.signal]);
    setMaxListeners(0, signal);
    await attempt(signal);
    signal.throwIfAborted(); // a case that took the end of its time for an answer
    return say('passed');
  } catch (thrown) {
    if (outer.aborted) throw new Interrupted();
    const cause = life.signal.aborted ? life.signal.reason : thrown;
    if (cause instanceof Unkept) return say('failed', cause.message);
    if (cause instanceof TargetFailure) return say('unknown', cause.message);
    return say('unknown', `the contract suite itself failed: ${cause instanceof Error ? cause.stack : String(cause)}`);
  } finally {
    clearTimeout(timer);
    life.abort(new Unkept('the case is over'));
  }
}
