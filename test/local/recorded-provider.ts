import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { UserError } from '../../cli/errors.ts';
import { type Listener, listen } from '../../cli/local/gateway/listen.ts';
import type {
  DesiredFunction,
  FunctionState,
  PreparedImage,
  Provider,
  ReplicaLogLine,
  ReplicaLogQuery,
  ReplicaState,
} from '../../cli/local/replicas/provider.ts';
import type { FunctionDeployment } from '../../cli/openfaas/wire.ts';
import { testImages } from '../recordings/images/publish.ts';

/** What is waited for between two recorded questions, and with it how much time has passed for a function. */
export type Passed = 'a pause' | 'until it answers';

/** What the provider needs: which recorded image a reference means (`undefined`: none that can be had), and where a secret's value is. */
export interface RecordedParts {
  readonly tagOf: (image: string) => string | undefined;
  readonly secretFile: (name: string) => string;
  /** What a function is told that its host is called. */
  readonly hostName: 'a name of its own' | "the function's";
}

interface Running {
  readonly generation: string;
  readonly lines: readonly ReplicaLogLine[];
  readonly instance: string;
  /** Absent for one that ended at its start, and for one that does not listen yet. */
  readonly listener?: Listener | undefined;
  readonly startedAt?: string | undefined;
  readonly count: number;
}

interface Entry {
  readonly desired: DesiredFunction;
  readonly running?: Running | undefined;
  readonly removed?: (() => void) | undefined;
}

/**
 * Runs the function of test/recordings/images in this process, as its images behave on a node: `one` and `two` answer, `slow` answers late, all others
 * never do. Nothing happens by itself: time passes when the test calls `settle`, or when somebody waits for a change to be done.
 */
export class RecordedProvider implements Provider {
  readonly #parts: RecordedParts;
  readonly #entries = new Map<string, Entry>();
  /** Called at each step of a change for which somebody waits: what is asked then shows what is there in between. */
  onStep: (name: string) => Promise<void> = async () => undefined;

  constructor(parts: RecordedParts) {
    this.#parts = parts;
  }

  /** Lets time pass: starts what can start, stops what it replaces, ends removals. */
  async settle(passed: Passed): Promise<void> {
    for (const name of this.#entries.keys()) await this.#pass(name, passed);
  }

  list(): readonly FunctionState[] {
    return [...this.#entries.values()].map(({ desired, running, removed }) => ({
      ...desired,
      availableReplicas: running?.listener === undefined ? 0 : running.count,
      removing: removed !== undefined,
      faults: [],
      replicaStates: running === undefined ? [] : [replicaState(running)],
    }));
  }

  find(name: string): FunctionState | undefined {
    return this.list().find((state) => state.name === name);
  }

  limitations(): readonly string[] {
    return [];
  }

  async prepare({ image }: FunctionDeployment): Promise<PreparedImage> {
    await this.onStep('prepare');
    if (image.startsWith('127.0.0.1:1/'))
      throw new UserError('BAN-E301', 'the registry 127.0.0.1:1 does not answer: connection refused');
    const tag = this.#parts.tagOf(image);
    if (tag === 'foreign') throw new UserError('BAN-E505', `${image} has no image for linux/amd64`);
    const known = testImages.find((each) => each.tag === tag);
    if (known === undefined) throw new UserError('BAN-E303', `the registry has no ${image}`);
    return { environment: { PATH: '/bin', ...known.environment } };
  }

  async settled(name: string): Promise<void> {
    await this.onStep(name);
    const entry = this.#entries.get(name);
    if (entry?.desired.strategy === 'replace' && entry.running?.generation !== entry.desired.generation) {
      await entry.running?.listener?.close();
      this.#entries.set(name, { desired: entry.desired });
      await this.onStep(name);
    }
    await this.#pass(name, 'a pause');
  }

  apply(desired: DesiredFunction): void {
    this.#entries.set(desired.name, { desired, running: this.#entries.get(desired.name)?.running });
  }

  remove(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.removed !== undefined) throw new Error(`${name} cannot be removed now`);
    return new Promise((removed) => {
      this.#entries.set(name, { ...entry, removed });
      // Who waits for the end of a removal sees it; for all others time passes when the test says so.
      if (entry.desired.strategy === 'replace') void this.onStep(name).then(() => this.#pass(name, 'a pause'));
    });
  }

  endpoints(name: string): readonly string[] {
    const entry = this.#entries.get(name);
    const port = entry?.running?.listener?.port;
    const isOld = entry?.desired.strategy === 'replace' && entry.running?.generation !== entry.desired.generation;
    return port === undefined || entry?.removed !== undefined || isOld ? [] : [`http://127.0.0.1:${port}`];
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

  async #pass(name: string, passed: Passed): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    const { desired, running, removed } = entry;
    if (removed !== undefined) {
      await running?.listener?.close();
      this.#entries.delete(name);
      return removed();
    }
    const isCurrent = running?.generation === desired.generation;
    if (isCurrent && (running.listener !== undefined || passed !== 'until it answers')) {
      this.#entries.set(name, { desired, running: { ...running, count: desired.replicas } });
      return;
    }
    const next = await this.#start(desired, isCurrent ? running.instance : podName(name), passed);
    // What rolls keeps the old one for as long as the new one does not answer.
    if (
      next === undefined ||
      (desired.strategy !== 'replace' && running?.listener !== undefined && next.listener === undefined)
    )
      return;
    await running?.listener?.close();
    this.#entries.set(name, { desired, running: next });
  }

  /** A first or next look at one image: what of it runs now; `undefined` if nothing does. */
  async #start(desired: DesiredFunction, instance: string, passed: Passed): Promise<Running | undefined> {
    const { deployment, generation, replicas, strategy } = desired;
    const tag = this.#parts.tagOf(deployment.image);
    const startedAt = new Date().toISOString();
    const begun = { generation, instance, lines: [`start of image ${tag}`].map((line) => newLine(instance, line)) };
    if (tag === 'exits') {
      const lines = [...begun.lines, newLine(instance, 'ends at start: asked to')];
      return { ...begun, lines, count: 0 };
    }
    // Whoever waits for a start, and not for an answer, sees it start.
    if (tag === 'slow' && passed === 'a pause')
      return strategy === 'replace' ? { ...begun, startedAt, count: 0 } : undefined;
    if (tag !== 'one' && tag !== 'two' && tag !== 'slow') return undefined;
    if (!(await this.#secretsAreThere(deployment))) return undefined;
    const lines = [...begun.lines, newLine(instance, 'listens on 8080')];
    const host = this.#parts.hostName === "the function's" ? desired.name : instance;
    const listener = await listen('127.0.0.1', 0, (incoming, outgoing) => {
      void this.#answer(incoming, outgoing, { desired, tag, host, instance, lines });
    });
    return { ...begun, lines, listener, startedAt, count: replicas };
  }

  async #secretsAreThere({ secrets = [] }: FunctionDeployment): Promise<boolean> {
    const read = await Promise.allSettled(secrets.map((name) => readFile(this.#parts.secretFile(name))));
    return read.every(({ status }) => status === 'fulfilled');
  }

  /** The answers of test/recordings/images/main.go. */
  async #answer(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    {
      desired,
      tag,
      host,
      instance,
      lines,
    }: { desired: DesiredFunction; tag: string; host: string; instance: string; lines: ReplicaLogLine[] },
  ): Promise<void> {
    const environment = desired.deployment.envVars ?? {};
    outgoing.setHeader('X-Bantam-Revision', environment['BANTAM_REVISION'] ?? '');
    outgoing.setHeader('X-Bantam-Deploy', environment['BANTAM_DEPLOY'] ?? '');
    outgoing.setHeader('X-Bantam-Replica', host);
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
    lines.push(newLine(instance, `answers ${method} ${path}`));
    const note = environment['NOTE'] ?? '';
    const said = { body, image: tag, method, note, path, query: search.replace('?', ''), replica: host };
    outgoing.setHeader('Content-Type', 'application/json');
    outgoing.end(`${JSON.stringify(said)}\n`);
  }
}

function replicaState({ generation, instance, listener, startedAt }: Running): ReplicaState {
  const address = listener === undefined ? undefined : `http://127.0.0.1:${listener.port}`;
  return { generation, instance, ready: listener !== undefined, address, startedAt, restarts: 0 };
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
