import type { Runtime } from './contract-case.ts';

/** Something that answers as a function does. `signal` ends with the case: every wait for it stops then. */
export interface Reachable {
  readonly url: string;
  readonly signal: AbortSignal;
}

/** How a replica ended. `code` is null if a signal ended it. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

export type Stream = 'stdout' | 'stderr';

/** What a replica has written. Of much output the beginning and the end are kept; bytes and lines are counted. */
export interface Output {
  /** Whole lines so far, without their line breaks, in the order of their arrival. */
  lines(stream?: Stream): readonly string[];
  /** Bytes so far. */
  bytes(stream: Stream): number;
  /** The first line that matches, also one that has come already; rejects with a sentence when the replica ends or time runs out without it. */
  line(pattern: RegExp, milliseconds?: number): Promise<string>;
  /** Stops to read what the replica writes, as a slow collector of logs does; `resume` goes on. */
  pause(): void;
  resume(): void;
}

/** One process of the function under test. */
export interface Replica extends Reachable {
  readonly metricsUrl: string;
  /** Process id, where there is one to look at (for its memory in /proc). */
  readonly pid: number | undefined;
  /** `performance.now()` when it was started. */
  readonly started: number;
  readonly output: Output;
  /** SIGSTOP stands for a machine that is busy with something else: nothing of it runs until SIGCONT. */
  send(signal: 'SIGTERM' | 'SIGINT' | 'SIGSTOP' | 'SIGCONT'): void;
  readonly ended: Promise<Ended>;
  /** Ends it at once, with all that it has started, before the case is over. */
  end(): Promise<void>;
}

/** How to start a replica. */
export interface StartOptions {
  /** Settings of docs/runtime.md. Ports are chosen by the target unless they are named here. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Files for `secret_mount_path`, by name. Without any the variable is not set. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Starts replicas of one function: as a process, or as a container of its image. */
export interface Target {
  readonly runtime: Runtime;
  /** Starts one and does not wait for its port. Throws {@link TargetFailure} if it cannot be started at all. It is ended and cleaned up when `signal` aborts. */
  start(options: StartOptions, signal: AbortSignal): Promise<Replica>;
}

/** Nothing was learned about the contract: there is no such program, no free port, no folder for its files. */
export class TargetFailure extends Error {}

/** What a case works with. */
export interface Bench {
  readonly runtime: Runtime;
  readonly signal: AbortSignal;
  /** Starts a replica and does not wait for anything. */
  spawn(options?: StartOptions): Promise<Replica>;
  /** Starts a replica and waits until its port takes connections. */
  open(options?: StartOptions): Promise<Replica>;
  /** Starts a replica and waits until it says that it is ready. */
  ready(options?: StartOptions): Promise<Replica>;
}
