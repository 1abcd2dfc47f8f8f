import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../cli/commands/fn/test.ts';
import type { Context } from '../../cli/context.ts';
import { UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { type Listener, listen } from '../../cli/local/gateway/listen.ts';
import { awaitReadiness } from '../../cli/local/replicas/readiness.ts';
import { EngineInMemory } from '../local/engine-in-memory.ts';

const identity = { 'X-Bantam-Revision': 'test', 'X-Bantam-Deploy': 'test', 'X-Bantam-Replica': 'hello-1' };

describe('fn test --image', () => {
  let home: string;
  let engine: EngineInMemory;
  let listener: Listener;
  let answer: (path: string, outgoing: ServerResponse) => void;
  const events: Event[] = [];

  beforeEach(async () => {
    events.length = 0;
    home = await mkdtemp(join(tmpdir(), 'bantam-home-'));
    engine = new EngineInMemory();
    listener = await listen('127.0.0.1', 0, (incoming: IncomingMessage, outgoing) =>
      answer(incoming.url ?? '', outgoing),
    );
    engine.hostPort = () => listener.port;
    answer = (_, outgoing) => void outgoing.writeHead(200, identity).end('OK');
  });
  afterEach(async () => {
    await listener.close();
    await rm(home, { recursive: true });
  });

  const run = () =>
    test.run(
      {
        names: [],
        options: { image: true, platform: [], only: [], noCall: true } as never,
        globals: { stack: undefined, gateway: undefined, namespace: undefined, json: true, yes: false },
      },
      // What the command uses of a context, and no more.
      {
        environment: {},
        home,
        signal: new AbortController().signal,
        report: (event: Event) => events.push(event),
        run: () => Promise.reject(new Error('no program is to be run')),
        stack: async () => ({
          functions: [{ name: 'hello', image: 'registry.lan:5000/hello:1', environment: {}, limits: {} }],
        }),
        engine: async () => engine,
      } as unknown as Context,
    );

  it('pulls with what docker login has kept for the registry', async () => {
    await mkdir(join(home, '.docker'));
    await writeFile(
      join(home, '.docker', 'config.json'),
      JSON.stringify({ auths: { 'registry.lan:5000': { auth: Buffer.from('pi:berry').toString('base64') } } }),
    );
    const { exit } = await run();
    assert.equal(exit, 0);
    assert.deepEqual(engine.pulls[0]?.options.credentials, {
      serverAddress: 'registry.lan:5000',
      proof: { kind: 'basic', username: 'pi', password: 'berry' },
    });
    assert.ok(!JSON.stringify(events).includes('berry'));
  });

  it('warns when it tests the engine’s own copy, because the registry does not answer', async () => {
    engine.pullFailure = new UserError('BAN-E301', 'the registry registry.lan:5000 does not answer');
    const { exit } = await run();
    assert.equal(exit, 0);
    assert.deepEqual(
      events.filter(({ type }) => type === 'warning'),
      [
        {
          type: 'warning',
          about: 'hello',
          text: "the registry registry.lan:5000 does not answer; the engine's own copy of registry.lan:5000/hello:1 is used",
        },
      ],
    );
  });

  it('is content with a foreign runtime that knows no readiness, and says so', async () => {
    answer = (path, outgoing) => void outgoing.writeHead(path === '/_/health' ? 200 : 503).end();
    const { exit, document } = await run();
    const [result] = document['tests'] as { ok: boolean; ready: boolean }[];
    assert.deepEqual([exit, result?.ok, result?.ready], [0, true, false]);
  });

  describe('readiness', () => {
    const ask = (bound: number): Promise<boolean> =>
      awaitReadiness(
        { url: `http://127.0.0.1:${listener.port}`, logs: (query) => engine.containers.logs('hello', query) },
        { subject: 'hello:1', bound },
        new AbortController().signal,
      );

    it('is waited for while a bantam runtime says 503', async () => {
      let asked = 0;
      answer = (path, outgoing) => {
        if (path === '/_/ready') asked += 1;
        outgoing.writeHead(path === '/_/ready' && asked < 3 ? 503 : 200, identity).end();
      };
      assert.equal(await ask(60_000), true);
      assert.equal(asked, 3);
    });

    for (const [what, headers] of [
      ['names itself on both paths', identity],
      ['names itself on health only', {}],
    ] as const) {
      it(`is a failure with log lines if a runtime that ${what} is never ready`, async () => {
        engine.lines = ['waiting for the database'];
        answer = (path, outgoing) =>
          void (path === '/_/ready' ? outgoing.writeHead(503, headers) : outgoing.writeHead(200, identity)).end();
        await assert.rejects(ask(1), (error) => {
          assert.ok(error instanceof UserError);
          assert.equal(error.code, 'BAN-E603');
          assert.match(error.message, /^hello:1 was healthy, but not ready within 0\.001 s: GET \/_\/ready: .*503/);
          assert.deepEqual(error.details, ['waiting for the database']);
          return true;
        });
      });
    }
  });
});
