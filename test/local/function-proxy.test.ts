import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { faasNetes } from '../../cli/local/dialect/faas-netes.ts';
import { CallActivity } from '../../cli/local/gateway/activity.ts';
import { withoutHopHeaders } from '../../cli/local/gateway/forwarded-headers.ts';
import { parseFunctionPath } from '../../cli/local/gateway/function-path.ts';
import { createFunctionProxy } from '../../cli/local/gateway/function-proxy.ts';
import { type Listener, listen } from '../../cli/local/gateway/listen.ts';
import { ReplicaConnections } from '../../cli/local/gateway/replica-connections.ts';

describe('the path of a function call', () => {
  for (const [url, expected] of [
    ['/function/hello', ['hello', 'hello', undefined, '/']],
    ['/function/hello/', ['hello', 'hello', undefined, '/']],
    ['/function/hello?a=1&a=2', ['hello', 'hello', undefined, '/?a=1&a=2']],
    ['/function/hello/a%2Fb//c/../d?q=%20', ['hello', 'hello', undefined, '/a%2Fb//c/../d?q=%20']],
    ['/function/hello.openfaas-fn/x', ['hello.openfaas-fn', 'hello', 'openfaas-fn', '/x']],
    ['/function/', undefined],
    ['/function/ä', undefined],
    ['/functions/hello', undefined],
  ] as const) {
    it(`${url} → ${expected === undefined ? 'none' : expected.join(' ')}`, () => {
      const parsed = parseFunctionPath(url);
      assert.deepEqual(parsed && [parsed.written, parsed.name, parsed.namespace, parsed.target], expected);
    });
  }
});

describe('headers of one connection', () => {
  it('are left out, also those that Connection names; the others keep order, case and repetition', () => {
    const raw = [
      'Host',
      'x',
      'Connection',
      'keep-alive, X-Mine',
      'x-mine',
      '1',
      'Set-Cookie',
      'a',
      'Set-Cookie',
      'b',
      'Transfer-Encoding',
      'chunked',
      'TE',
      'trailers',
      'Upgrade',
      'h2c',
    ];
    assert.deepEqual(withoutHopHeaders(raw), ['Host', 'x', 'Set-Cookie', 'a', 'Set-Cookie', 'b']);
  });
  it('never take away where a request goes or how long it is', () => {
    const raw = ['Host', 'x', 'Content-Length', '3', 'Connection', 'host, Content-Length, X-Mine', 'X-Mine', '1'];
    assert.deepEqual(withoutHopHeaders(raw), ['Host', 'x', 'Content-Length', '3']);
  });
  it('never touch any other header', () => {
    const name = fc.stringMatching(/^X-[A-Za-z]{1,9}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string())), (pairs) =>
        assert.deepEqual(withoutHopHeaders(pairs.flat()), pairs.flat()),
      ),
    );
  });
});

describe('calls through the gateway', () => {
  const opened: { close(): Promise<void> }[] = [];
  const addresses: string[] = [];
  let gateway: Listener;

  beforeEach(async () => {
    addresses.length = 0;
    const proxy = createFunctionProxy({
      dialect: faasNetes,
      connections: new ReplicaConnections((name) => (name === 'fn' ? addresses : []), 500),
      activity: new CallActivity(),
      answerBound: 500,
      closing: new AbortController().signal,
    });
    gateway = await listen('127.0.0.1', 0, proxy);
    opened.push(gateway);
  });
  afterEach(async () => {
    for (const server of opened.splice(0)) await server.close();
  });

  const start = async (listener: RequestListener): Promise<Server> => {
    const server = createServer(listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bound = server.address();
    assert.ok(typeof bound === 'object' && bound !== null);
    addresses.push(`http://127.0.0.1:${bound.port}`);
    opened.push({
      close: async () => {
        server.closeAllConnections();
        server.close();
      },
    });
    return server;
  };
  const url = (path: string): string => `http://127.0.0.1:${gateway.port}/function/${path}`;

  it('pass method, path, query, headers and body both ways', async () => {
    await start((incoming, outgoing) => {
      outgoing.writeHead(418, 'Short and stout', [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'X-Seen',
        `${incoming.method} ${incoming.url}`,
        'X-Got',
        incoming.headers['x-mine'] ?? '',
      ]);
      incoming.pipe(outgoing);
    });
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await fetch(url('fn/a%2Fb?x=1&x=2'), {
        method,
        headers: { 'X-Mine': 'yes' },
        ...(method === 'GET' ? {} : { body: 'grüße' }),
      });
      assert.deepEqual(
        [answer.status, answer.statusText, await answer.text()],
        [418, 'Short and stout', method === 'GET' ? '' : 'grüße'],
      );
      assert.equal(answer.headers.get('x-seen'), `${method} /a%2Fb?x=1&x=2`);
      assert.equal(answer.headers.get('x-got'), 'yes');
      assert.deepEqual(answer.headers.getSetCookie(), ['a=1', 'b=2']);
      assert.match(answer.headers.get('x-call-id') ?? '', /^[0-9a-f-]{36}$/);
      assert.match(answer.headers.get('x-start-time') ?? '', /^\d{19}$/);
      assert.match(answer.headers.get('x-duration-seconds') ?? '', /^\d+\.\d+$/);
    }
    const head = await fetch(url('fn'), { method: 'HEAD' });
    assert.deepEqual([head.status, await head.text()], [418, '']);
  });

  it('tell the function who called, and keep a call id that is there already', async () => {
    let seen: IncomingMessage | undefined;
    await start((incoming, outgoing) => {
      seen = incoming;
      // As bantam's runtimes do: the caller must see it once.
      outgoing.setHeader('X-Call-Id', incoming.headers['x-call-id'] ?? '');
      outgoing.setHeader('X-Duration-Seconds', '7');
      outgoing.end();
    });
    const answer = await fetch(url('fn'), { headers: { 'X-Call-Id': 'mine', 'X-Forwarded-For': '203.0.113.7' } });
    assert.deepEqual([answer.headers.get('x-call-id'), answer.headers.get('x-duration-seconds')], ['mine', '7']);
    assert.equal(seen?.headers['x-call-id'], 'mine');
    assert.equal(seen?.headers['x-forwarded-for'], '203.0.113.7, 127.0.0.1');
    assert.equal(seen?.headers['x-forwarded-host'], `127.0.0.1:${gateway.port}`);
  });

  it('follow no redirect', async () => {
    await start((_, outgoing) => outgoing.writeHead(302, { location: '/elsewhere' }).end());
    const answer = await fetch(url('fn'), { redirect: 'manual' });
    assert.deepEqual([answer.status, answer.headers.get('location')], [302, '/elsewhere']);
  });

  it('stream both bodies while they come', async () => {
    await start((incoming, outgoing) => void incoming.pipe(outgoing));
    const asked = request(url('fn'), { method: 'POST' });
    asked.write('first');
    const [answer]: IncomingMessage[] = await once(asked, 'response');
    assert.ok(answer !== undefined);
    assert.equal(String((await once(answer, 'data'))[0]), 'first');
    asked.write('second');
    assert.equal(String((await once(answer, 'data'))[0]), 'second');
    asked.end();
    await once(answer, 'end');
  });

  it('hold a body of 160 MiB back instead of in memory', async function () {
    this.timeout(60_000);
    await start((incoming, outgoing) => void incoming.pipe(outgoing));
    const block = Buffer.alloc(1 << 20, 'x');
    let most = 0;
    const body = Readable.from(
      (function* () {
        for (let count = 0; count < 160; count += 1) yield block;
      })(),
    );
    const before = process.memoryUsage().arrayBuffers;
    const answer = await fetch(url('fn'), {
      method: 'POST',
      body: Readable.toWeb(body),
      duplex: 'half',
    } as RequestInit);
    let bytes = 0;
    for await (const chunk of answer.body ?? []) {
      bytes += chunk.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    assert.equal(bytes, 160 << 20);
    assert.ok(most < 128 << 20, `${most >> 20} MiB were held`);
  });

  it('end at the function when the client leaves', async () => {
    const left = withResolvers();
    await start((incoming, outgoing) => {
      outgoing.write('begun');
      incoming.socket.on('close', left.resolve);
    });
    const asked = request(url('fn'));
    asked.end();
    const [answer]: IncomingMessage[] = await once(asked, 'response');
    assert.ok(answer !== undefined);
    await once(answer, 'data');
    answer.on('error', () => undefined);
    asked.on('error', () => undefined);
    asked.destroy();
    await left.promise;
  });

  it('end at the function when the client leaves in the middle of its own body', async () => {
    const begun = withResolvers();
    const left = withResolvers();
    await start((incoming) => {
      incoming.on('error', () => undefined);
      incoming.on('data', begun.resolve);
      incoming.socket.on('close', left.resolve);
    });
    const socket = connect(gateway.port, '127.0.0.1');
    socket.write('POST /function/fn HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this');
    await begun.promise;
    socket.destroy();
    await left.promise;
  });

  it('break off for the client when the function breaks off', async () => {
    await start((incoming, outgoing) => {
      outgoing.write('begun');
      setImmediate(() => incoming.socket.destroy());
    });
    const answer = await fetch(url('fn'));
    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
  });

  it('turn from replica to replica', async () => {
    for (const name of ['one', 'two', 'three']) await start((_, outgoing) => void outgoing.end(name));
    const seen: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) seen.push(await (await fetch(url('fn'))).text());
    assert.deepEqual([...seen].sort(), ['one', 'one', 'three', 'three', 'two', 'two']);
  });

  it('say what is missing in the words of the gateway', async () => {
    const texts = async (path: string) => {
      const answer = await fetch(url(path), { method: 'POST', body: 'x' });
      assert.equal(answer.headers.get('x-openfaas-internal'), 'proxy');
      return [answer.status, await answer.text()];
    };
    assert.deepEqual(await texts('fn'), [503, 'No endpoints available for: fn.']);
    assert.deepEqual(await texts('nope'), [503, 'No endpoints available for: nope.']);
    const server = await start((incoming) => incoming.socket.destroy());
    assert.deepEqual(await texts('fn'), [500, "Can't reach service for: fn."]);
    assert.deepEqual(await texts('fn.openfaas-fn/x'), [500, "Can't reach service for: fn.openfaas-fn."]);
    assert.deepEqual(await texts('fn.elsewhere'), [503, 'No endpoints available for: fn.elsewhere.']);
    server.close();
    await once(server, 'close');
    assert.deepEqual(await texts('fn'), [500, "Can't reach service for: fn."]);
    addresses.length = 0;
    await start(() => undefined);
    assert.deepEqual(await texts('fn'), [504, 'fn did not answer within 0.5 s.']);
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
