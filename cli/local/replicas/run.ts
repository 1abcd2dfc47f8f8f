import type { UserError } from '../../errors.ts';

/** A line that a run wrote, without its newline. `timestamp` is RFC 3339, later for later lines of one replica. */
export interface RunLine {
  readonly stream: 'stdout' | 'stderr';
  readonly timestamp: string;
  readonly text: string;
}

/** Which lines are wanted. `since` in milliseconds since 1970; `tail` counts the newest. */
export interface RunLogQuery {
  readonly follow: boolean;
  readonly since?: number | undefined;
  readonly tail?: number | undefined;
}

/** One run of a replica's program, from its start to its end: of a container, or of a process. */
export interface Run {
  /** `http://127.0.0.1:49153`; `undefined` if it was over before that was known. */
  readonly address: string | undefined;
  readonly pid?: number | undefined;
  /** What its processes hold in memory, as last measured; `undefined` where nobody measures. */
  readonly memoryBytes?: number | undefined;
  /** Resolves when the run is over or `signal` aborts. */
  ended(signal: AbortSignal): Promise<void>;
  /** Whether it is not over yet. */
  isRunning(signal: AbortSignal): Promise<boolean>;
  /** SIGTERM, then SIGKILL after so many seconds. Quiet if it is over. */
  stop(graceSeconds: number): Promise<void>;
  /** Why it is over. */
  explain(signal: AbortSignal): Promise<UserError>;
}

/** What makes the runs of one replica, one after the other. Every call throws UserErrors, which become the replica's fault. */
export interface Runs {
  /** Starts the next run; its program need not listen yet. The run before must be over. */
  start(signal: AbortSignal): Promise<Run>;
  /** The lines of all runs; with `follow` until `remove` or an abort. */
  logs(query: RunLogQuery, signal: AbortSignal): AsyncIterable<RunLine>;
  /** Ends the present run as `Run.stop` does, and removes all that was made for the replica. Its lines stay until it is forgotten. */
  remove(graceSeconds: number): Promise<void>;
}
