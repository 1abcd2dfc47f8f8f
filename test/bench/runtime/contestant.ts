/** Ports of one start, all free. */
export interface Ports {
  /** The one that is loaded. */
  readonly port: number;
  readonly metrics: number;
  /** Of the child behind a watchdog. */
  readonly inner: number;
}

/** Something that answers the bench's request. */
export interface Contestant {
  readonly name: string;
  readonly program: string;
  readonly argv: readonly string[];
  readonly folder: string;
  environment(ports: Ports): Record<string, string>;
}

/** The contestants, in the order of the report: those of TypeScript, then those of Go. */
export const contestantNames = [
  'bantam-ts',
  'bantam-ts-unguarded',
  'bare-node',
  'official-node',
  'bantam-go',
  'bare-go',
  'official-go',
] as const;

export type ContestantName = (typeof contestantNames)[number];

/** The request that every contestant answers with the same JSON. */
export const requestPath = '/?name=raspberry';
export const expectedAnswer = { message: 'Hello, raspberry!' } as const;
