import type * as fc from 'fast-check';

/** What became of one input: `accepted`, or the code of the UserError that refused it. */
export type Fate = string;

/**
 * One input of the product held to: nothing is thrown but UserError, nothing hangs, little memory is taken, no path leaves its root.
 * `attempt` throws for everything else; what it returns is counted, so that a target whose inputs are all refused at the door shows.
 */
export interface FuzzTarget<Input = unknown> {
  readonly name: string;
  readonly inputs: fc.Arbitrary<Input>;
  attempt(input: Input): Fate | Promise<Fate>;
  /** What a failure shows of an input; JSON otherwise. */
  show?(input: Input): string;
  close?(): Promise<void>;
}

/** Names the type of a target's inputs; the harness handles all targets alike. */
export function defineTarget<Input>(target: FuzzTarget<Input>): FuzzTarget {
  // `attempt` only ever gets what `inputs` makes.
  return target as unknown as FuzzTarget;
}
