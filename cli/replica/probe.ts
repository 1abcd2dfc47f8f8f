/**
 * One look at `GET …/_/ready` over a fresh connection.
 * - `answer`: a bantam runtime answered and named itself (identities of the headers X-Bantam-Revision, -Deploy, -Replica); `ready` says whether it calls itself ready (200).
 * - `not-yet`: anything else (refused, timeout, 301 to /ui/, 404, 500, 503, an answer without identities); `reason` says what.
 */
export type Probe =
  | {
      readonly kind: 'answer';
      readonly ready: boolean;
      readonly status: number;
      readonly revision: string;
      readonly deploy: string;
      readonly replica: string;
    }
  | { readonly kind: 'not-yet'; readonly reason: string; readonly status?: number };

/** One look at a path that the user named (`x-bantam.probe`): whether something said 2xx, not which code. */
export type PathProbe =
  | { readonly kind: 'answer'; readonly status: number }
  | { readonly kind: 'not-yet'; readonly reason: string; readonly status?: number };

/** Looks at one function from outside; `probe` never runs user code. Throws nothing but Interrupted, for an abort of `signal`. */
export interface ReplicaProbe {
  probe(name: string, namespace: string | undefined, signal: AbortSignal): Promise<Probe>;
  /** Calls the handler: only with a path that the user has named for it. */
  ask(name: string, namespace: string | undefined, path: string, signal: AbortSignal): Promise<PathProbe>;
}
