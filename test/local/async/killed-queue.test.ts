import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { until } from '../until.ts';

const script = fileURLToPath(new URL('queue-process.ts', import.meta.url));
const kills = 3;

describe('a queue that is killed again and again', function () {
  this.timeout(120_000);
  let folder: string;
  let server: Server;
  let queue: ChildProcess | undefined;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-killed-'));
  });
  after(async () => {
    queue?.kill('SIGKILL');
    server?.close();
    server?.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });

  it('makes every call that it accepted, and tells every callback', async () => {
    const made = new Map<string, number>();
    const told = new Map<string, number>();
    const bodies = new Map<string, string>();
    /** Calls whose first answer asks for another try. */
    const asked = new Set<string>();
    server = createServer((incoming, outgoing) => {
      const id = String(incoming.headers['x-call-id']);
      let body = '';
      incoming.on('data', (chunk) => {
        body += String(chunk);
      });
      incoming.on('end', () => {
        if (incoming.url === '/told') {
          told.set(id, (told.get(id) ?? 0) + 1);
          outgoing.end();
        } else if (Number(body) % 7 === 0 && !asked.has(id)) {
          asked.add(id);
          outgoing.writeHead(503).end();
        } else {
          made.set(id, (made.get(id) ?? 0) + 1);
          bodies.set(id, body);
          setTimeout(() => outgoing.end('done'), Number(body) % 13);
        }
      });
      incoming.on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const url = `http://127.0.0.1:${address.port}`;

    const accepted = new Map<string, number>();
    const withCallback = new Set<string>();
    let number = 0;
    const callOnce = async (port: number): Promise<void> => {
      number += 1;
      const sent = number;
      const headers = sent % 3 === 0 ? { 'X-Callback-Url': `${url}/told` } : {};
      const target = `http://127.0.0.1:${port}/async-function/hello/x`;
      const answered = await fetch(target, { method: 'POST', headers, body: String(sent) });
      assert.equal(answered.status, 202);
      const id = answered.headers.get('x-call-id') ?? '';
      accepted.set(id, sent);
      if (sent % 3 === 0) withCallback.add(id);
    };
    const callUntilItDies = async (port: number): Promise<void> => {
      for (;;) {
        try {
          await callOnce(port);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          return; // Killed in the middle of this call: nobody was told that it is taken.
        }
      }
    };

    for (let kill = 0; kill < kills; kill += 1) {
      const port = await start(url);
      const callers = Array.from({ length: 6 }, async () => await callUntilItDies(port));
      const before = accepted.size;
      await until('some are accepted', () => accepted.size > before + 20);
      // At any point of whatever goes on; the wait is what is random here, nothing depends on it.
      await wait(Math.random() * 100);
      const ended = once(queue as ChildProcess, 'exit');
      queue?.kill('SIGKILL');
      await Promise.all([ended, ...callers]);
    }
    await start(url);
    const missing = (): string[] => [...accepted.keys()].filter((id) => !made.has(id));
    const untold = (): string[] => [...withCallback].filter((id) => !told.has(id));
    await until('all are made and told', () => missing().length === 0 && untold().length === 0).catch(() => undefined);
    assert.deepEqual([missing(), untold()], [[], []], `${accepted.size} were accepted`);
    for (const [id, sent] of accepted) assert.equal(bodies.get(id), String(sent));
    // What is made twice was under way when it was killed: no more than the workers at each kill.
    const twice = [...made.values()].filter((count) => count > 1).length;
    assert.ok(twice <= kills * 8, `${twice} of ${made.size} were made more than once`);
    assert.ok([...made.values()].every((count) => count <= kills + 1));
  });

  /** Starts the queue on what the one before left; its port. */
  async function start(url: string): Promise<number> {
    const child = spawn(process.execPath, ['--import', 'tsx', script, folder, url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    queue = child;
    const [line] = await once(child.stdout, 'data');
    return Number(String(line));
  }
});
