import { Agent, request } from 'node:http';

/** What a call got: a status, or why there is none. */
export interface Got {
  readonly id: string;
  readonly status: number;
  readonly body: string;
}

/** Calls a URL once with an id of its own; status 0 if the connection broke. With `body` it is a POST. */
export function call(url: string, id: string, options: { agent?: Agent; body?: string } = {}): Promise<Got> {
  return new Promise((resolve) => {
    const method = options.body === undefined ? 'GET' : 'POST';
    const asked = request(url, {
      method,
      headers: { 'X-Call-Id': id },
      ...(options.agent && { agent: options.agent }),
    });
    const failed = (error: Error): void => resolve({ id, status: 0, body: error.message });
    asked.on('error', failed);
    asked.on('response', (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        body += chunk;
      });
      answer.on('error', failed);
      answer.on('end', () => resolve({ id, status: answer.statusCode ?? 0, body }));
    });
    asked.end(options.body);
  });
}

/** Clients that call one after the other, as fast as they are answered: half over kept connections, half over new ones; half GET, half POST. */
export class Load {
  readonly got: Got[] = [];
  readonly #kept = new Agent({ keepAlive: true });
  readonly #stop = new AbortController();
  readonly #clients: Promise<void>[];

  constructor(url: string, clients: number) {
    this.#clients = Array.from({ length: clients }, (_, client) => this.#run(url, client));
  }

  /** Ends the load when every client has its answer. Gives all that was got. */
  async end(): Promise<readonly Got[]> {
    this.#stop.abort();
    await Promise.all(this.#clients);
    this.#kept.destroy();
    return this.got;
  }

  async #run(url: string, client: number): Promise<void> {
    const agent = client % 2 === 0 ? { agent: this.#kept } : { agent: new Agent({ keepAlive: false }) };
    for (let turn = 0; !this.#stop.signal.aborted; turn += 1) {
      const body = turn % 2 === 0 ? {} : { body: 'x'.repeat(1000) };
      // Every eighth takes long enough to be under way when its replica is told to end.
      const wait = turn % 8 === 0 ? 60 : turn % 3;
      this.got.push(await call(`${url}?wait=${wait}`, `${client}-${turn}`, { ...agent, ...body }));
    }
  }
}
