import { randomUUID } from 'node:crypto';
import type { Report } from '../../events.ts';
import { cronTopic, nextCall, scheduleOf } from '../../stack/schedule.ts';
import type { FunctionCaller } from '../gateway/function-call.ts';
import type { FunctionState, Provider } from '../replicas/provider.ts';
import type { AsyncCalls } from './async-calls.ts';

/** What the schedules need. */
export interface ScheduleParts {
  readonly functions: () => readonly Pick<FunctionState, 'name' | 'generation' | 'removing' | 'deployment'>[];
  /** Calls a function by POST without a body; the status, whoever gave it. */
  readonly call: (name: string, callId: string, signal: AbortSignal) => Promise<number>;
  /** The same through the queue, for functions with the annotation `async: "true"`. */
  readonly enqueue: (name: string, callId: string) => Promise<void>;
  readonly report: Report;
  readonly now?: (() => Date) | undefined;
}

interface Entry {
  readonly expression: string;
  readonly generation: string;
  next: Date | undefined;
  running: boolean;
}

/** What comes later than this was missed: the machine slept, or its clock jumped. Milliseconds. */
const missed = 30_000;

/**
 * Calls functions when their annotations say so (`topic: cron-function` and `schedule`), as the cron-connector does: at most one call of a function at a
 * time, nothing that was missed is made up for. It looks each second rather than once at the right time, so that a clock that is set does not matter.
 */
export class Schedules {
  readonly #parts: ScheduleParts;
  readonly #entries = new Map<string, Entry>();
  readonly #stop = new AbortController();
  readonly #calls = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #looked: Date | undefined;

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.look(), 1000);
  }

  /** When a function is called next; `undefined` without a schedule that can be kept. */
  next(name: string): Date | undefined {
    return this.#entries.get(name)?.next;
  }

  /** Makes the calls that are due. */
  look(): void {
    const now = this.#parts.now?.() ?? new Date();
    const wentBack = this.#looked !== undefined && now < this.#looked;
    this.#looked = now;
    const present = new Set<string>();
    for (const { name, generation, removing, deployment } of this.#parts.functions()) {
      const expression = removing ? undefined : scheduleOf(deployment.annotations);
      if (expression === undefined) continue;
      present.add(name);
      const before = this.#entries.get(name);
      const same = before?.expression === expression && before.generation === generation;
      if (!same)
        this.#entries.set(name, this.#plan({ name, generation, expression, running: before?.running ?? false }, now));
      else if (wentBack) before.next = nextCall(expression, now);
      else this.#fireIfDue(name, before, deployment.annotations?.['async'] === 'true', now);
    }
    for (const name of this.#entries.keys()) if (!present.has(name)) this.#entries.delete(name);
  }

  /** Plans nothing more and ends the calls under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await Promise.allSettled(this.#calls);
  }

  #plan({ name, ...entry }: Omit<Entry, 'next'> & { readonly name: string }, now: Date): Entry {
    const next = nextCall(entry.expression, now);
    if (next === undefined)
      this.#parts.report({
        type: 'warning',
        about: name,
        text: `"${entry.expression}" is no schedule: it is never called by itself`,
      });
    return { ...entry, next };
  }

  #fireIfDue(name: string, entry: Entry, queued: boolean, now: Date): void {
    if (entry.next === undefined || now < entry.next) return;
    const late = now.getTime() - entry.next.getTime();
    const due = entry.next;
    entry.next = nextCall(entry.expression, now);
    const { report } = this.#parts;
    if (late > missed || entry.running) {
      const why = late > missed ? 'was missed and is not made up for' : 'was left out: the one before still runs';
      report({ type: 'note', about: name, text: `the call of ${due.toISOString()} ${why}` });
      return;
    }
    entry.running = true;
    const made = this.#call(name, queued).finally(() => {
      entry.running = false;
      const current = this.#entries.get(name);
      if (current !== undefined) current.running = false;
      this.#calls.delete(made);
    });
    this.#calls.add(made);
  }

  async #call(name: string, queued: boolean): Promise<void> {
    const { call, enqueue, report } = this.#parts;
    const id = randomUUID();
    try {
      if (queued) return await enqueue(name, id);
      const status = await call(name, id, this.#stop.signal);
      if (status >= 400)
        report({ type: 'warning', about: name, text: `the scheduled call ${id} was answered ${status}` });
      else report({ type: 'trace', about: name, text: `the scheduled call ${id} was answered ${status}` });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      report({
        type: 'warning',
        about: name,
        text: `the scheduled call ${id} failed: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }
}

/** The schedules of a gateway's functions, from now on. */
export function openSchedules({
  provider,
  calls,
  callFunction,
  report,
}: {
  readonly provider: Pick<Provider, 'list'>;
  readonly calls: Pick<AsyncCalls, 'enqueue'>;
  readonly callFunction: FunctionCaller;
  readonly report: Report;
}): Schedules {
  return new Schedules({
    functions: () => provider.list(),
    async call(name, callId, signal) {
      const headers = ['User-Agent', 'bantam-local', 'X-Topic', cronTopic];
      const call = { name, method: 'POST', target: '/', headers, body: new Uint8Array(), callId };
      return (await callFunction(call, signal)).status;
    },
    async enqueue(name, callId) {
      const taken = await calls.enqueue(name, callId);
      if (taken !== 'accepted')
        throw new Error(taken === 'full' ? 'the queue is full' : 'the gateway starts or stops just now');
    },
    report,
  });
}
