import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Listener, listen } from '../../cli/local/gateway/listen.ts';
import type {
  DesiredFunction,
  FunctionState,
  Provider,
  ReplicaLogLine,
  ReplicaLogQuery,
} from '../../cli/local/replicas/provider.ts';

/** What is waited for between two recorded questions, and with it how much time has passed for a function. */
export type Passed = 'a pause' | 'until it answers';

/** What the provider needs: which recorded image a reference means (`undefined`: none that can be had), and where a secret's value is. */
export interface RecordedParts {
  readonly tagOf: (image: string) => string | undefined;
  readonly secretFile: (name: string) => string;
}

interface Running {
  readonly generation: string;
  readonly lines: ReplicaLogLine[];
  /** Absent for one that ended at its start. */
  readonly listener?: Listener;
  readonly count: number;
}

interface Entry {
  readonly desired: DesiredFunction;
  readonly running?: Running | undefined;
  readonly removed?: (() => void) | undefined;
}

/**
 * Runs the function of test/recordings/images in this process, as its images behave on a node: `one` and `two` answer, `slow` answers late, all others
 * never do. Nothing happens by itself: time passes when the test calls `settle`.
 */
export class RecordedProvider implements Provider {
  readonly #parts: RecordedParts;
  readonly #entries = new Map<string, Entry>();

  constructor(parts: RecordedParts) {
    this.#parts = parts;
  }

  /** Lets time pass: starts what can start, stops what it replaces, ends removals. */
  async settle(passed: Passed): Promise<void> {
    for (const [name, entry] of this.#entries) {
      const { desired, running, removed } = entry;
      const { generation, deployment, replicas } = desired;
      if (removed !== undefined) {
        await running?.listener?.close();
        this.#entries.delete(name);
        removed();
        continue;
      }
      if (running?.generation === generation) {
        this.#entries.set(name, { desired, running: { ...running, count: replicas } });
        continue;
      }
      const pod = podName(name);
      const tag = this.#parts.tagOf(deployment.image);
      if (tag === 'exits') {
        const lines = [`start of image ${tag}`, 'ends at start: asked to'].map((line) => newLine(pod, line));
        this.#entries.set(name, { desired, running: { generation, lines, count: 0 } });
      } else if (tag === 'one' || tag === 'two' || (tag === 'slow' && passed === 'until it answers')) {
        const lines = [`start of image ${tag}`, 'listens on 8080'].map((line) => newLine(pod, line));
        const listener = await listen('127.0.0.1', 0, (incoming, outgoing) => {
          void this.#answer(incoming, outgoing, { desired, tag, pod, lines });
        });
        await running?.listener?.close();
        this.#entries.set(name, { desired, running: { generation, lines, listener, count: replicas } });
      }
    }
  }

  list(): readonly FunctionState[] {
    return [...this.#entries.values()].map(({ desired, running, removed }) => ({
      ...desired,
      availableReplicas: running?.count ?? 0,
      removing: removed !== undefined,
      faults: [],
    }));
  }

  apply(desired: DesiredFunction): void {
    this.#entries.set(desired.name, { desired, running: this.#entries.get(desired.name)?.running });
  }

  remove(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.removed !== undefined) throw new Error(`${name} cannot be removed now`);
    return new Promise((removed) => this.#entries.set(name, { ...entry, removed }));
  }

  endpoints(name: string): readonly string[] {
    const entry = this.#entries.get(name);
    const port = entry?.running?.listener?.port;
    return port === undefined || entry?.removed !== undefined ? [] : [`http://127.0.0.1:${port}`];
  }

  async *logs({ name, since, tail }: ReplicaLogQuery): AsyncGenerator<ReplicaLogLine, void> {
    const lines = this.#entries.get(name)?.running?.lines ?? [];
    const wanted = lines.filter((line) => since === undefined || Date.parse(line.timestamp) >= since);
    yield* tail === undefined ? wanted : wanted.slice(-tail);
  }

  async close(): Promise<void> {
    for (const { running } of this.#entries.values()) await running?.listener?.close();
    this.#entries.clear();
  }

  /** The answers of test/recordings/images/main.go. */
  async #answer(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    { desired, tag, pod, lines }: { desired: DesiredFunction; tag: string; pod: string; lines: ReplicaLogLine[] },
  ): Promise<void> {
    const environment = desired.deployment.envVars ?? {};
    outgoing.setHeader('X-Bantam-Revision', environment['BANTAM_REVISION'] ?? '');
    outgoing.setHeader('X-Bantam-Deploy', environment['BANTAM_DEPLOY'] ?? '');
    outgoing.setHeader('X-Bantam-Replica', pod);
    const { pathname: path, search } = new URL(incoming.url ?? '/', 'http://function');
    outgoing.setHeader('Content-Type', 'text/plain; charset=utf-8');
    if (path === '/_/ready' || path === '/_/health') return void outgoing.end('ok\n');
    const secret = /^\/secret\/(?<name>[^/]+)$/.exec(path)?.groups?.['name'];
    if (secret !== undefined) {
      const mounted = desired.deployment.secrets?.includes(secret) === true;
      outgoing.statusCode = mounted ? 200 : 404;
      return void outgoing.end(mounted ? await readFile(this.#parts.secretFile(secret)) : 'no such secret\n');
    }
    const method = incoming.method ?? '';
    const body = await text(incoming);
    lines.push(newLine(pod, `answers ${method} ${path}`));
    const note = environment['NOTE'] ?? '';
    const said = { body, image: tag, method, note, path, query: search.replace('?', ''), replica: pod };
    outgoing.setHeader('Content-Type', 'application/json');
    outgoing.end(`${JSON.stringify(said)}\n`);
  }
}

function newLine(instance: string, line: string): ReplicaLogLine {
  return { instance, timestamp: new Date().toISOString().replace('Z', '000000Z'), text: line };
}

/** A name as Kubernetes gives to pods: no vowels, no 0, 1, 3. */
function podName(service: string): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789';
  const some = (length: number): string =>
    Array.from({ length }, () => letters[randomInt(letters.length)] ?? '').join('');
  return `${service}-${some(9)}-${some(5)}`;
}
