import type { Archives } from './debian.ts';
import type { State } from './state.ts';

/** What every step of opening a bed needs. */
export interface Work {
  /** Folder of this bed: sockets, pid files, logs, the engine's data. Gone when the bed is closed. */
  readonly run: string;
  readonly state: State;
  readonly archives: Archives;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}
