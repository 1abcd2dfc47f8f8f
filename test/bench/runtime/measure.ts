import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../../bed/program.ts';
import type { Contestant } from './contestant.ts';
import type { Generator } from './generators.ts';
import { runClosedLoop, runOpenModel } from './load.ts';
import type { Machine } from './machine.ts';
import { usageOf } from './process-tree.ts';
import { combineSlices, connectionCounts, type Sample, type Slice } from './sample.ts';
import { type Subject, startSubject } from './subject.ts';

/** How long and how often is measured. Times in seconds. */
export interface Effort {
  readonly rounds: number;
  readonly warmUp: number;
  /** Slices of one second for each number of connections. */
  readonly slices: number;
  readonly open: number;
  /** Starts in each round for the time to the first answer. */
  readonly starts: number;
}

export const fullEffort: Effort = { rounds: 3, warmUp: 2, slices: 4, open: 5, starts: 4 };
export const quickEffort: Effort = { rounds: 3, warmUp: 2, slices: 1, open: 2, starts: 2 };

export interface MeasureOptions {
  readonly effort: Effort;
  readonly machine: Machine;
  readonly wrk: Generator;
  readonly vegeta: Generator | undefined;
  /** Folder for temporary files. */
  readonly folder: string;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

const settleTime = 1;

/** Seconds that one contestant takes in one round, about. */
export function secondsEach({ warmUp, slices, open, starts }: Effort): number {
  return settleTime + warmUp + 1.1 * slices * connectionCounts.length + open + starts * 0.3 + 1;
}

/** Samples, and why a contestant has none from some round on. */
export interface Measured {
  readonly samples: readonly Sample[];
  readonly failed: Readonly<Record<string, string>>;
}

/**
 * Measures in rounds, with fresh processes in each and every second one in reverse order. `groups` are the contestants that
 * are compared with each other. One that fails is left out from then on.
 */
export async function measure(groups: readonly (readonly Contestant[])[], options: MeasureOptions): Promise<Measured> {
  const samples: Sample[] = [];
  const failed: Record<string, string> = {};
  for (let round = 0; round < options.effort.rounds; round += 1) {
    const ofRound = round % 2 === 0 ? groups : groups.toReversed();
    for (const group of ofRound) {
      const able = group.filter(({ name }) => !(name in failed));
      const order = round % 2 === 0 ? able : able.toReversed();
      options.report(`round ${round + 1} of ${options.effort.rounds}: ${order.map(({ name }) => name).join(', ')}`);
      samples.push(...(await measureGroup(order, round, failed, options)));
    }
  }
  return { samples, failed };
}

/** A contestant that runs, and what is known of it so far. */
interface Run {
  readonly contestant: Contestant;
  readonly subject: Subject;
  readonly firstAnswers: readonly number[];
  readonly idle: number;
  readonly slices: Map<number, Slice[]>;
}

/**
 * One round of one group. All run at the same time, but only one is loaded at any moment: they take turns second by second,
 * so that the machine's neighbours disturb all of them alike. Those who wait for their turn use no processor.
 */
async function measureGroup(
  group: readonly Contestant[],
  round: number,
  failed: Record<string, string>,
  options: MeasureOptions,
): Promise<Sample[]> {
  const runs: Run[] = [];
  const samples: Sample[] = [];
  const attempt = async ({ name }: Contestant, work: () => Promise<void>): Promise<void> => {
    if (name in failed) return;
    try {
      await work();
    } catch (error) {
      options.signal.throwIfAborted();
      failed[name] = `in round ${round + 1}: ${reasonOf(error)}`;
      options.report(`${name} failed ${failed[name]}`);
    }
  };
  try {
    for (const contestant of group)
      await attempt(contestant, async () => {
        runs.push(await begin(contestant, options));
      });
    for (const connections of connectionCounts)
      for (let turn = 0; turn < options.effort.slices; turn += 1)
        for (const run of turn % 2 === 0 ? runs : runs.toReversed())
          await attempt(run.contestant, async () => {
            const slice = await runClosedLoop(options.wrk, connections, loadOf(run, 1, options));
            run.slices.set(connections, [...(run.slices.get(connections) ?? []), slice]);
          });
    for (const run of runs)
      await attempt(run.contestant, async () => {
        samples.push(await finish(run, round, options));
      });
    return samples;
  } finally {
    await Promise.all(runs.map(({ subject }) => subject[Symbol.asyncDispose]()));
  }
}

function loadOf({ subject }: Pick<Run, 'subject'>, seconds: number, { machine, signal }: MeasureOptions) {
  return { url: subject.url, pid: subject.pid, core: machine.generatorCore, seconds, signal };
}

/** Starts a contestant several times, keeps the last, looks at its memory and warms it up. */
async function begin(contestant: Contestant, options: MeasureOptions): Promise<Run> {
  const { effort, machine, signal } = options;
  const start = { core: machine.serverCore, signal, temporary: options.folder };
  const firstAnswers: number[] = [];
  for (let count = 1; count < effort.starts; count += 1) {
    await using brief = await startSubject(contestant, start);
    firstAnswers.push(brief.firstAnswer);
  }
  const subject = await startSubject(contestant, start);
  firstAnswers.push(subject.firstAnswer);
  try {
    await sleep(settleTime * 1000, undefined, { signal });
    const idle = (await usageOf(subject.pid)).memory;
    await runClosedLoop(options.wrk, 32, loadOf({ subject }, effort.warmUp, options));
    return { contestant, subject, firstAnswers, idle, slices: new Map() };
  } catch (error) {
    await subject[Symbol.asyncDispose]();
    throw error;
  }
}

/** The load at a fixed rate, and the memory after all of it. */
async function finish(run: Run, round: number, options: MeasureOptions): Promise<Sample> {
  const { vegeta, folder, effort } = options;
  const open = vegeta === undefined ? undefined : await runOpenModel(vegeta, folder, loadOf(run, effort.open, options));
  const afterLoad = (await usageOf(run.subject.pid)).memory;
  return {
    contestant: run.contestant.name,
    round,
    firstAnswers: run.firstAnswers,
    memory: { idle: run.idle, afterLoad },
    closed: [...run.slices].map(([connections, slices]) => combineSlices(connections, slices)),
    open,
  };
}
