import { spreadOf } from '../spread.ts';

/** A short stretch of requests as fast as they are answered. */
export interface Slice {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds, as the generator sees them between sending and answer. */
  readonly p50: number;
  readonly p99: number;
  /** Answers of 400 and above (wrk counts no others), connections that broke, requests that took over two seconds. */
  readonly errors: number;
  /** Seconds of processor time of the whole process tree, and of the generator. */
  readonly processor: number;
  readonly generator: number;
}

/** The slices of one contestant in one round with the same number of connections. */
export interface ClosedLoop {
  readonly connections: number;
  readonly requestsPerSecond: number;
  /** Medians of the slices. */
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  /** Microseconds of processor time of the whole process tree for one request: moves less than the rate when neighbours are busy. */
  readonly processorTime: number;
  /** Share (0 to 1) of its core that the generator used. */
  readonly generatorLoad: number;
}

/** Above this share of its core the generator was the limit, and the rate is its own. */
const busiest = 0.9;

export function isLimitedByGenerator({ generatorLoad }: Pick<ClosedLoop, 'generatorLoad'>): boolean {
  return generatorLoad > busiest;
}

/** Adds up slices; there must be one at least. */
export function combineSlices(connections: number, slices: readonly Slice[]): ClosedLoop {
  const sum = (figure: (slice: Slice) => number): number => slices.reduce((total, slice) => total + figure(slice), 0);
  const median = (figure: (slice: Slice) => number): number => spreadOf(slices.map(figure))?.median ?? Number.NaN;
  const [requests, seconds] = [sum((slice) => slice.requests), sum((slice) => slice.seconds)];
  return {
    connections,
    requestsPerSecond: requests / seconds,
    p50: median((slice) => slice.p50),
    p99: median((slice) => slice.p99),
    errors: sum((slice) => slice.errors),
    processorTime: (sum((slice) => slice.processor) * 1e6) / Math.max(1, requests),
    generatorLoad: sum((slice) => slice.generator) / seconds,
  };
}

/** Requests at a fixed rate, whether or not the earlier ones have been answered. */
export interface OpenModel {
  /** Milliseconds from the time a request was due to its answer's end. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly requests: number;
  readonly errors: number;
}

/** Resident memory of a process tree in bytes. */
export interface Memory {
  readonly idle: number;
  readonly afterLoad: number;
}

/** One contestant in one round. */
export interface Sample {
  readonly contestant: string;
  /** From 0. */
  readonly round: number;
  /** Milliseconds from the start of the process to its first 200; one for each start. */
  readonly firstAnswers: readonly number[];
  readonly memory: Memory;
  readonly closed: readonly ClosedLoop[];
  /** Undefined where there is no open-model generator. */
  readonly open: OpenModel | undefined;
}

/** The numbers of connections that are measured. */
export const connectionCounts = [1, 32, 256] as const;

export const openModelRate = 500;
