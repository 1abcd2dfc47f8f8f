import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import type { FuzzTarget } from './target.ts';
import { targets } from './targets.ts';

/** What one input may take. `megabytes`: of the whole process, Node itself and this harness included. */
export interface Bounds {
  readonly processorSeconds: number;
  /** For an input that waits instead of working. */
  readonly seconds: number;
  readonly megabytes: number;
}

/** What a child is started with, as JSON in its only argument. Input number n is made from seed + n, so that each can be had again alone. */
export interface ChildTask {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  /** Most inputs to try; unbounded if not given. */
  readonly runs?: number;
  readonly bounds: Bounds;
}

/** In place of an input's number: none is under way. */
export const nothing = -1;

/** What the watchdog gets. `shared`: one Int32, the number of the input under way. */
export interface WatchdogData {
  readonly shared: SharedArrayBuffer;
  readonly bounds: Bounds;
}

/** The last line that a child writes. */
export type ChildReport =
  | {
      readonly runs: number;
      readonly seconds: number;
      readonly peakMegabytes: number;
      readonly fates: Readonly<Record<string, number>>;
    }
  | { readonly failure: ChildFailure };

/** `offset`: of the input's seed from the child's. */
export interface ChildFailure {
  readonly kind: 'throw' | 'hang' | 'memory';
  readonly offset: number;
  readonly text: string;
  readonly input?: string;
}

const task = JSON.parse(process.argv[2] ?? '{}') as ChildTask;
const found = targets.get(task.target);
if (found === undefined) throw new Error(`no target is called ${task.target}`);
const target: FuzzTarget = await found();

const shared = new SharedArrayBuffer(4);
const state = new Int32Array(shared);
Atomics.store(state, 0, nothing);
const data: WatchdogData = { shared, bounds: task.bounds };
const watchdog = new Worker(fileURLToPath(new URL('./watchdog.js', import.meta.url)), { workerData: data });
watchdog.unref();

/** What no input's own promise told: it belongs to the input under way, or to the one before. */
let stray: unknown;
for (const event of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(event, (thrown) => {
    stray ??= thrown ?? new Error('nothing was thrown');
  });

/** Bytes that this process holds, dead or alive. */
function kept(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** How much garbage may lie about when an input begins, in bytes. */
const roomBetweenInputs = 24e6;
fc.sample(target.inputs, { seed: task.seed, numRuns: 1 });
collect();
const atStart = kept();

const started = performance.now();
const fates: Record<string, number> = {};
let runs = 0;
const elapsed = (): number => (performance.now() - started) / 1000;

work().catch((thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  process.exit(1);
});

async function work(): Promise<void> {
  while (elapsed() < task.seconds && runs < (task.runs ?? Number.POSITIVE_INFINITY)) {
    const [input] = fc.sample(target.inputs, { seed: task.seed + runs, numRuns: 1 });
    // What earlier inputs left to the garbage collector is not this one's.
    if (kept() > atStart + roomBetweenInputs) collect();
    Atomics.store(state, 0, runs);
    try {
      const fate = await target.attempt(input);
      fates[fate] = (fates[fate] ?? 0) + 1;
    } catch (thrown) {
      await fail(thrown);
    }
    // What an input left behind shows in the next turn of the loop; timers and sockets get theirs.
    if (runs % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (stray !== undefined) await fail(stray);
    Atomics.store(state, 0, nothing);
    runs += 1;
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  runs -= 1;
  if (stray !== undefined) await fail(stray);
  await target.close?.();
  tell({ runs: runs + 1, seconds: elapsed(), peakMegabytes: process.resourceUsage().maxRSS / 1000, fates });
  process.exit(0);
}

/** Makes the input smaller while it still fails, and ends. */
async function fail(thrown: unknown): Promise<never> {
  Atomics.store(state, 0, nothing);
  const offset = runs;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const smaller = await fc.check(
    fc.asyncProperty(target.inputs, async (input) => {
      await target.attempt(input);
    }),
    { seed: task.seed + offset, numRuns: 1, interruptAfterTimeLimit: 5000, markInterruptAsFailure: false },
  );
  const [input] = smaller.counterexample ?? fc.sample(target.inputs, { seed: task.seed + offset, numRuns: 1 });
  tell({ failure: { kind: 'throw', offset, text: describe(error), input: show(input).slice(0, 4000) } });
  process.exit(0);
}

function collect(): void {
  if (globalThis.gc === undefined) throw new Error('the child runs with --expose-gc');
  globalThis.gc();
}

function describe(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : '';
  return `${error.stack ?? error.message}${cause}`.slice(0, 4000);
}

function show(input: unknown): string {
  if (target.show !== undefined) return target.show(input);
  if (input instanceof Uint8Array) return `base64:${Buffer.from(input).toString('base64')}`;
  return JSON.stringify(input) ?? String(input);
}

function tell(report: ChildReport): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
