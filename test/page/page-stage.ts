import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { faasNetes } from '../../cli/local/dialect/faas-netes.ts';
import { CallActivity } from '../../cli/local/gateway/activity.ts';
import type { RequestHandler } from '../../cli/local/gateway/front.ts';
import { createGateway } from '../../cli/local/gateway/gateway.ts';
import { type Listener, listen } from '../../cli/local/gateway/listen.ts';
import { createPage, type Page } from '../../cli/local/page/page.ts';
import { SecretStore } from '../../cli/local/state/secret-store.ts';
import { bundlePage } from '../../scripts/build.mjs';
import { StagedProvider } from './staged-provider.ts';

/** The page's files: built once for all tests of this process. */
let bundled: ReturnType<typeof bundlePage> | undefined;

export const credentials = { user: 'admin', password: 'pässword:with:colons' };

/** A gateway with the page in front of a staged provider and a real function: no process is started, all of the HTTP is real. */
export class PageStage {
  readonly provider = new StagedProvider();
  readonly folder: string;
  readonly queued = new Map<string, number>();
  /** Path and callback of each asynchronous call. */
  readonly accepted: (readonly [string, string])[] = [];
  activity = new CallActivity();
  /** What answers /v2/; from the next start on. */
  registry: RequestHandler | undefined;
  #function: Server;
  #listener: Listener | undefined;
  #closing = new AbortController();
  #page: Page | undefined;
  #runs = 0;
  #port = 0;

  private constructor(folder: string, server: Server) {
    this.folder = folder;
    this.#function = server;
  }

  static async open(): Promise<PageStage> {
    const folder = await mkdtemp(join(tmpdir(), 'bantam-page-'));
    bundled ??= bundlePage('page');
    await mkdir(join(folder, 'page'));
    for (const { path, contents } of await bundled) await writeFile(join(folder, 'page', basename(path)), contents);
    const server = createServer(answerAsFunction);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const stage = new PageStage(folder, server);
    const address = server.address();
    if (typeof address === 'object' && address !== null) stage.provider.address = `http://127.0.0.1:${address.port}`;
    await stage.start();
    return stage;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get page(): Page {
    if (this.#page === undefined) throw new Error('the stage is not open');
    return this.#page;
  }

  /** Starts the gateway, again at the same port if it was stopped before. */
  async start(password = credentials.password): Promise<void> {
    this.#runs += 1;
    this.activity = new CallActivity();
    this.#closing = new AbortController();
    const secrets = await SecretStore.open(join(this.folder, 'secrets'));
    let front: ReturnType<typeof createGateway> | undefined;
    this.#listener = await listen('127.0.0.1', this.#port, {
      request: (incoming, outgoing) => front?.request(incoming, outgoing),
      upgrade: (incoming, socket, head) => front?.upgrade(incoming, socket, head),
    });
    this.#port = this.#listener.port;
    const shared = {
      provider: this.provider,
      activity: this.activity,
      credentials: { ...credentials, password },
      version: '9.9.9',
      closing: this.#closing.signal,
    };
    this.#page = createPage({
      ...shared,
      url: this.url,
      run: `run-${this.#runs}`,
      dialect: faasNetes.name,
      queued: (name) => this.queued.get(name) ?? 0,
      folder: join(this.folder, 'page'),
      // Nobody shall wait for what tests change.
      rhythm: 50,
    });
    front = createGateway({
      ...shared,
      secrets,
      dialect: faasNetes,
      page: this.#page,
      registry: this.registry,
      asynchronous: (incoming, outgoing) => {
        this.accepted.push([incoming.url ?? '', String(incoming.headers['x-callback-url'])]);
        incoming.resume();
        outgoing.writeHead(202, { 'X-Call-Id': 'c0ffee' }).end();
      },
    });
  }

  async stop(): Promise<void> {
    this.#closing.abort();
    await this.#listener?.close();
    this.#listener = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    this.#function.closeAllConnections();
    await new Promise((resolve) => this.#function.close(resolve));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The function behind all names: what it answers depends on the path. */
function answerAsFunction(...[incoming, outgoing]: Parameters<Parameters<typeof createServer>[1] & object>): void {
  const path = (incoming.url ?? '').split('?')[0];
  const parts: Buffer[] = [];
  incoming.on('data', (part: Buffer) => parts.push(part));
  incoming.on('end', () => {
    const body = Buffer.concat(parts).toString('utf8');
    if (path === '/_/health' || path === '/_/ready') outgoing.end('OK');
    else if (path === '/html')
      outgoing
        .writeHead(200, {
          'Content-Type': 'text/html',
          'X-Markup': '<b onclick=alert(1)>header</b>',
          'Cross-Origin-Opener-Policy': 'same-origin',
        })
        .end('<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>');
    else if (path === '/worker.js')
      // It asks for all of the address, as far as it is let.
      outgoing.writeHead(200, { 'Content-Type': 'text/javascript', 'Service-Worker-Allowed': '/' }).end();
    else if (path === '/bytes') outgoing.end(Buffer.from([0, 1, 2, 255, 254, 65]));
    else if (path === '/redirect')
      outgoing.writeHead(302, { Location: 'http://example.com/', 'Set-Cookie': 'a=b' }).end();
    else if (path === '/teapot') outgoing.writeHead(418).end('short and stout');
    else if (path === '/fail') outgoing.writeHead(500).end('it went wrong');
    else if (path === '/never') return;
    else if (path === '/endless') outgoing.writeHead(200).write('first\n');
    else if (path === '/large') outgoing.end('x'.repeat(1 << 20));
    else if (path === '/break') {
      outgoing.writeHead(200, { 'Content-Length': '100' }).write('half');
      setImmediate(() => outgoing.destroy());
    } else
      outgoing
        .writeHead(200, { 'Content-Type': 'application/json' })
        .end(
          JSON.stringify({ method: incoming.method, path: incoming.url, type: incoming.headers['content-type'], body }),
        );
  });
}
