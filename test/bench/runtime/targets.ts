import { type Spread, spreadOf } from '../spread.ts';
import { decide, ratioOf, type Target, type Verdict } from '../verdict.ts';
import type { ContestantName } from './contestant.ts';
import { connectionCounts, isLimitedByGenerator, type Sample } from './sample.ts';

/** A figure of a sample; undefined when it was not measured, measured with errors, or is the generator's and not the server's. */
export type Figure = (sample: Sample) => number | undefined;

/** Requests per second over so many connections, if all answers were good and the generator could have sent more. */
export function rateAt(connections: number): Figure {
  return ({ closed }) =>
    closed.find((loop) => loop.connections === connections && loop.errors === 0 && !isLimitedByGenerator(loop))
      ?.requestsPerSecond;
}

/** Microseconds of processor time for one request at 32 connections. */
const processorTime: Figure = ({ closed }) =>
  closed.find((loop) => loop.connections === 32 && loop.errors === 0)?.processorTime;

/** Bytes after all of the load, if it was served: who refuses requests needs no memory for them. */
export const memoryAfterLoad: Figure = ({ memory, closed, open }) =>
  (open?.errors ?? 0) > 0 || closed.some((loop) => loop.errors > 0 || isLimitedByGenerator(loop))
    ? undefined
    : memory.afterLoad;

export const firstAnswer: Figure = ({ firstAnswers }) => spreadOf(firstAnswers)?.median;

/** One of our runtimes beside something else, and what that is held to. */
interface Comparison {
  readonly ours: ContestantName;
  readonly theirs: ContestantName;
  readonly what: string;
  readonly figure: Figure;
  /** Undefined: told for comparison. */
  readonly target: Target | undefined;
}

const atLeast = (value: number): Target => ({ bound: 'at least', value });
const atMost = (value: number): Target => ({ bound: 'at most', value });

function compareRates(ours: ContestantName, theirs: ContestantName, target: Target | undefined): readonly Comparison[] {
  return [
    ...connectionCounts.map((connections) => ({
      ours,
      theirs,
      what: `req/s at ${connections}`,
      figure: rateAt(connections),
      target: connections === 32 ? target : undefined,
    })),
    { ours, theirs, what: 'cpu/request at 32', figure: processorTime, target: undefined },
  ];
}

/** What the runtimes are held to among what is told for comparison. */
export const comparisons: readonly Comparison[] = [
  ...compareRates('bantam-ts', 'official-node', atLeast(6)),
  ...compareRates('bantam-ts', 'bare-node', atLeast(0.9)),
  {
    ours: 'bantam-ts',
    theirs: 'official-node',
    what: 'memory after load',
    figure: memoryAfterLoad,
    target: atMost(0.65),
  },
  { ours: 'bantam-ts', theirs: 'official-node', what: 'first answer', figure: firstAnswer, target: atMost(0.75) },
  ...compareRates('bantam-ts', 'bantam-ts-unguarded', undefined),
  ...compareRates('bantam-go', 'official-go', atLeast(4)),
  ...compareRates('bantam-go', 'bare-go', atLeast(0.85)),
  { ours: 'bantam-go', theirs: 'official-go', what: 'memory after load', figure: memoryAfterLoad, target: atMost(0.5) },
  { ours: 'bantam-go', theirs: 'official-go', what: 'first answer', figure: firstAnswer, target: undefined },
];

/** A comparison with its outcome. */
export interface Judged {
  readonly ours: ContestantName;
  readonly theirs: ContestantName;
  readonly what: string;
  readonly ratio: Spread | undefined;
  readonly target: Target | undefined;
  /** Undefined without a target. */
  readonly verdict: Verdict | undefined;
}

/** The comparisons of the contestants that were asked for; a target is unknown where one of the `rounds` gave no ratio. */
export function judge(samples: readonly Sample[], asked: readonly ContestantName[], rounds: number): Judged[] {
  const figuresOf = (name: string, figure: Figure): (number | undefined)[] =>
    Array.from({ length: rounds }, (_, round) => {
      const sample = samples.find((one) => one.contestant === name && one.round === round);
      return sample === undefined ? undefined : figure(sample);
    });
  return comparisons
    .filter(({ ours, theirs }) => asked.includes(ours) && asked.includes(theirs))
    .map(({ ours, theirs, what, figure, target }) => {
      const ratio = ratioOf(figuresOf(ours, figure), figuresOf(theirs, figure));
      // A round that is missing may be the one that would have said otherwise.
      const whole = ratio?.count === rounds ? ratio : undefined;
      return { ours, theirs, what, ratio, target, verdict: target && decide(whole, target) };
    })
    .filter(({ ratio, target }) => ratio !== undefined || target !== undefined);
}
