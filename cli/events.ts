import type { Failure, Place } from './errors.ts';

/**
 * Everything a run can announce while it works. Only reporters (cli/ui) print; each switches over this union exhaustively,
 * so that a new event does not compile until every reporter handles it. Events are the story (stderr); answers are returned.
 */
export type Event =
  /** What is about to be touched: `→ local (faas-netes dialect) at http://…, 2 functions of stack.yml`. */
  | { readonly type: 'target'; readonly text: string }
  /** Something worth a line that is neither progress nor a problem. */
  | { readonly type: 'note'; readonly text: string; readonly about?: string }
  /** A command wrote into the user's project what nobody had asked for by name (`template/bantam-ts brought from bantam 0.1.0`): a line on stderr also with --json. */
  | { readonly type: 'wrote'; readonly text: string }
  /** `place`: where in the user's files, if it is about one; `text` names it, too. */
  | {
      readonly type: 'warning';
      readonly text: string;
      readonly about?: string;
      readonly hint?: string;
      readonly place?: Place;
    }
  /** Shown with -v only: a request, a command line, a decision. */
  | { readonly type: 'trace'; readonly text: string; readonly about?: string }
  /** Where a long job of one function stands; replaced by the next one with the same `about` on a terminal. `minor` steps are shown there (and with -v) only. */
  | { readonly type: 'progress'; readonly about: string; readonly text: string; readonly minor?: true }
  /** A line that a build, a container or a function wrote. */
  | {
      readonly type: 'log';
      readonly about: string;
      readonly text: string;
      readonly stream: 'stdout' | 'stderr';
      readonly instance?: string;
    }
  /** The job called `about` has ended. */
  | { readonly type: 'ended'; readonly about: string; readonly failure?: Failure }
  /**
   * Raw bytes of the answer (a function's body): they go to stdout as they are. `entries` is the same for `--json`, for an answer without an end:
   * each is a line of its own at once, and so is the closing document; an empty list announces them.
   */
  | {
      readonly type: 'output';
      readonly bytes: Uint8Array;
      readonly entries?: readonly Readonly<Record<string, unknown>>[];
    };

/** Receives events; must not throw and returns at once. */
export type Report = (event: Event) => void;
