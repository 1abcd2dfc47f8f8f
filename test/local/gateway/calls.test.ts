import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { exchange, Proxied, readUntil } from './proxied.ts';

describe('a call through the gateway', function () {
  this.timeout(30_000);
  let gateway: Proxied;
  beforeEach(async () => {
    gateway = await Proxied.open();
  });
  afterEach(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('keeps path, query and headers byte for byte', async () => {
    const heads: string[] = [];
    await gateway.bareReplica((socket) => {
      void readUntil(socket, /\r\n\r\n/).then((head) => {
        heads.push(head);
        socket.end(
          'HTTP/1.1 200 Fine\r\nx-UPPER: \xe9\r\nX-Same: 1\r\nx-same: 2\r\nContent-Length: 2\r\n\r\nok',
          'latin1',
        );
      });
    });
    const sent =
      'GET /function/fn/%2e%2E/a//b;c=%E4?q=%00&q&[x]={|} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-mIxed: v\xe4l \t2\r\nX-Same: a\r\nx-same: b\r\nConnection: close\r\n\r\n';
    const answer = await exchange(gateway.port, Buffer.from(sent, 'latin1'));
    const head = heads[0] ?? '';
    assert.match(head, /^GET \/%2e%2E\/a\/\/b;c=%E4\?q=%00&q&\[x\]=\{\|\} HTTP\/1\.1\r\n/);
    assert.match(head, /\r\nHost: 127\.0\.0\.1\r\nX-mIxed: v\xe4l \t2\r\nX-Same: a\r\nx-same: b\r\n/);
    assert.match(answer, /^HTTP\/1\.1 200 Fine\r\nx-UPPER: \xe9\r\nX-Same: 1\r\nx-same: 2\r\nContent-Length: 2\r\n/);
    assert.ok(answer.endsWith('\r\n\r\nok'));
  });

  it('gives a POST without a body no body', async () => {
    const seen: IncomingMessage['headers'][] = [];
    await gateway.replica((incoming, outgoing) => {
      seen.push(incoming.headers);
      outgoing.end('ok');
    });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'GET'])
      await exchange(gateway.port, `${method} /function/fn HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    assert.deepEqual(
      seen.map((headers) => [headers['transfer-encoding'], headers['content-length'] ?? '0']),
      seen.map(() => [undefined, '0']),
    );
    assert.equal(seen.length, 5);
  });

  it('passes trailers both ways', async () => {
    let trailers: NodeJS.Dict<string> = {};
    await gateway.replica((incoming, outgoing) => {
      assert.equal(incoming.headers.trailer, 'X-Sum');
      assert.equal(incoming.headers.te, 'trailers');
      outgoing.setHeader('Trailer', 'X-Checked');
      outgoing.write('body');
      incoming.resume();
      incoming.on('end', () => {
        trailers = incoming.trailers;
        outgoing.addTrailers({ 'X-Checked': 'yes' });
        outgoing.end();
      });
    });
    const asked = request(gateway.url('fn'), {
      method: 'POST',
      headers: { Trailer: 'X-Sum', 'Transfer-Encoding': 'chunked', TE: 'trailers' },
    });
    asked.write('something');
    asked.addTrailers({ 'X-Sum': '42' });
    asked.end();
    const [answer]: IncomingMessage[] = await once(asked, 'response');
    assert.ok(answer !== undefined);
    answer.resume();
    await once(answer, 'end');
    assert.deepEqual(
      [trailers['x-sum'], answer.trailers['x-checked'], answer.headers.trailer],
      ['42', 'yes', 'X-Checked'],
    );
  });

  it('leaves trailers out where they cannot be: HTTP/1.0, HEAD', async () => {
    await gateway.bareReplica((socket) => {
      void readUntil(socket, /\r\n\r\n/).then((head) => {
        socket.write('HTTP/1.1 200 OK\r\nTrailer: X-Checked\r\nTransfer-Encoding: chunked\r\n\r\n');
        socket.end(head.startsWith('HEAD') ? '' : '4\r\nbody\r\n0\r\nX-Checked: yes\r\n\r\n');
      });
    });
    const old = await exchange(gateway.port, 'GET /function/fn HTTP/1.0\r\n\r\n');
    assert.match(old, /^HTTP\/1\.1 200 OK\r\n/);
    assert.ok(old.endsWith('\r\n\r\nbody'), old);
    const head = await exchange(
      gateway.port,
      'HEAD /function/fn HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
    assert.ok(head.endsWith('\r\n\r\n') && !/trailer/i.test(head), head);
  });

  it('keeps what HEAD and 304 say of a body that does not come', async () => {
    await gateway.replica((incoming, outgoing) => {
      outgoing.writeHead(incoming.url === '/unchanged' ? 304 : 200, { 'Content-Length': '12345', ETag: '"x"' });
      outgoing.end();
    });
    for (const [method, path] of [
      ['HEAD', 'fn'],
      ['GET', 'fn/unchanged'],
    ]) {
      const sent = `${method} /function/${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
      assert.match(await exchange(gateway.port, sent), /\r\nContent-Length: 12345\r\n/);
    }
  });

  it('leaves the answer to Expect: 100-continue to the function', async () => {
    let refuse = false;
    await gateway.bareReplica((socket) => {
      void readUntil(socket, /\r\n\r\n/).then(async (head) => {
        assert.match(head, /\r\nExpect: 100-continue\r\n/);
        if (refuse) return void socket.end('HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
        socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        await readUntil(socket, /body$/);
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      });
    });
    const head =
      'POST /function/fn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n';
    const socket = connect(gateway.port, '127.0.0.1');
    socket.write(head);
    await readUntil(socket, /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    socket.write('body');
    await readUntil(socket, /^HTTP\/1\.1 200 OK\r\n/);
    refuse = true;
    assert.match(await exchange(gateway.port, head), /^HTTP\/1\.1 417 No\r\n/);
  });

  it('leaves no connection behind', async () => {
    const server = await gateway.replica((incoming, outgoing) => void incoming.pipe(outgoing));
    for (const body of [undefined, 'some body'])
      await (await fetch(gateway.url('fn'), body === undefined ? {} : { method: 'POST', body })).text();
    const open = (): Promise<number> => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    while ((await open()) > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('sends an event the moment it comes', async () => {
    let say: (text: string) => void = () => undefined;
    await gateway.replica((_, outgoing) => {
      outgoing.writeHead(200, { 'Content-Type': 'text/event-stream' });
      outgoing.flushHeaders();
      say = (text) => void outgoing.write(text);
    });
    const answer = await fetch(gateway.url('fn'), { headers: { Accept: 'text/event-stream' } });
    const reader = answer.body?.getReader();
    for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
      say(text);
      assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), text);
    }
    await reader?.cancel();
  });

  it('brings the answer of a function that does not read the body', async () => {
    await gateway.replica((_, outgoing) => {
      outgoing.writeHead(413).end('too much');
    });
    const answer = await fetch(gateway.url('fn'), { method: 'POST', body: Buffer.alloc(1 << 20) });
    assert.deepEqual([answer.status, await answer.text()], [413, 'too much']);
    // Also to a client that sends all of it before it looks.
    const asked = request(gateway.url('fn'), { method: 'POST' });
    const answered = once(asked, 'response');
    for (let count = 0; count < 32; count += 1)
      await new Promise((resolve) => asked.write(Buffer.alloc(1 << 20), resolve));
    asked.end();
    const [late]: IncomingMessage[] = await answered;
    assert.equal(late?.statusCode, 413);
    late?.resume();
  });

  for (const size of [100_000, 8 << 20])
    it(`brings the answer of a function that closes in the middle of a body of ${size} bytes`, async () => {
      await gateway.bareReplica((socket) => {
        void readUntil(socket, /\r\n\r\n/).then(() => {
          socket.pause();
          // What is unread then makes a reset of the close.
          const answer = 'HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much';
          socket.write(answer, () => socket.destroy());
        });
      });
      for (let turn = 0; turn < 10; turn += 1) {
        const ended = gateway.finished();
        const answer = await fetch(gateway.url('fn'), { method: 'POST', body: Buffer.alloc(size) });
        assert.deepEqual([answer.status, await answer.text()], [413, 'too much']);
        assert.equal((await ended).ending, 'answered');
      }
    });

  it('brings the gateway’s own answer to whoever sends a body first, also one of unknown length, but not without end', async () => {
    /** The status once all was sent, 0 if the connection ended before. */
    const send = async (mebibytes: number): Promise<number> => {
      const asked = request(gateway.url('nope'), { method: 'POST' });
      let [closed, status] = [false, 0];
      asked.on('error', () => undefined);
      asked.on('response', (answer) => {
        status = answer.statusCode ?? 0;
        answer.resume();
      });
      const end = new Promise<void>((resolve) => {
        asked.on('close', () => {
          closed = true;
          resolve();
        });
      });
      for (let count = 0; count < mebibytes && !closed; count += 1)
        await Promise.race([end, new Promise((resolve) => asked.write(Buffer.alloc(1 << 20), resolve))]);
      const whole = !closed;
      asked.end();
      await end;
      return whole ? status : 0;
    };
    for (let turn = 0; turn < 5; turn += 1) assert.equal(await send(8), 404);
    assert.equal(await send(64), 0);
  });

  it('keeps from a browser what would let a function’s page reach beyond it, and from a program nothing', async () => {
    const sent = {
      'Service-Worker-Allowed': '/',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'X-Frame-Options': 'DENY',
    };
    await gateway.replica((_, outgoing) => void outgoing.writeHead(200, sent).end());
    const names = async (more: string): Promise<string[]> => {
      const head = `GET /function/fn/w.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${more}\r\n`;
      const answer = await exchange(gateway.port, head);
      return Object.keys(sent).filter((name) => answer.includes(`\r\n${name}: `));
    };
    assert.deepEqual(await names(''), Object.keys(sent));
    for (const more of ['Sec-Fetch-Site: same-origin\r\n', 'Service-Worker: script\r\n'])
      assert.deepEqual(await names(more), ['X-Frame-Options']);
  });

  it('is answered whatever a function says on its status line and in its headers', async () => {
    const answers = [
      'HTTP/1.1 299 W\xe4ll\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
      'HTTP/1.1 200 OK\r\nBad Header: 1\r\n\r\n',
      'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n',
      'SSH-2.0-OpenSSH\r\n',
      '',
    ];
    const seen: string[] = [];
    let turn = 0;
    await gateway.bareReplica((socket) => {
      socket.resume();
      socket.end(answers[turn++] ?? '', 'latin1');
    });
    for (const _ of answers)
      seen.push((await exchange(gateway.port, 'GET /function/fn HTTP/1.0\r\n\r\n')).slice(0, 12));
    assert.deepEqual(
      seen,
      [299, 500, 500, 999, 500, 500].map((status) => `HTTP/1.1 ${status}`),
    );
  });

  describe('whose replica', () => {
    const post = (): Promise<Response> => fetch(gateway.url('fn'), { method: 'POST', body: 'once' });

    it('refuses the connection is passed to the next one, whole', async () => {
      await gateway.deadReplica();
      await gateway.deadReplica();
      await gateway.replica((incoming, outgoing) => void incoming.pipe(outgoing));
      for (let turn = 0; turn < 6; turn += 1) assert.equal(await (await post()).text(), 'once');
    });

    it('breaks off after it was asked is passed to no other', async () => {
      let asked = 0;
      for (let count = 0; count < 3; count += 1)
        await gateway.replica((incoming) => {
          asked += 1;
          incoming.socket.destroy();
        });
      for (const method of ['POST', 'GET']) {
        const answer = await fetch(gateway.url('fn'), { method, ...(method === 'POST' ? { body: 'once' } : {}) });
        assert.deepEqual([answer.status, await answer.text()], [500, "Can't reach service for: fn."]);
      }
      assert.equal(asked, 2);
    });

    it('is busy is passed by', async () => {
      const waiting: (() => void)[] = [];
      await gateway.replica((_, outgoing) => void waiting.push(() => outgoing.end('slow')));
      const slow = post();
      while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await gateway.replica((_, outgoing) => void outgoing.end('quick'));
      for (let turn = 0; turn < 5; turn += 1) assert.equal(await (await post()).text(), 'quick');
      waiting[0]?.();
      assert.equal(await (await slow).text(), 'slow');
    });
  });

  it('is announced, with what came of it', async () => {
    await gateway.replica((incoming, outgoing) => void incoming.pipe(outgoing));
    const ended = gateway.finished();
    await (
      await fetch(`${gateway.url('fn/a')}?secret=1`, {
        method: 'POST',
        body: '12345',
        headers: { 'X-Call-Id': 'mine' },
      })
    ).text();
    const { startedAt, milliseconds, ...call } = await ended;
    assert.ok(startedAt > 0 && milliseconds > 0);
    assert.deepEqual(call, {
      sequence: 1,
      id: 'mine',
      function: 'fn',
      known: true,
      method: 'POST',
      path: '/a',
      asynchronous: false,
      status: 200,
      ending: 'answered',
      requestBytes: 5,
      answerBytes: 5,
      replica: gateway.addresses[0],
    });
    const unknown = gateway.finished();
    await (await fetch(gateway.url('nope'))).text();
    assert.deepEqual([(await unknown).known, (await unknown).status, (await unknown).replica], [false, 404, undefined]);
    assert.deepEqual([gateway.activity.runningCount, gateway.activity.finished.length], [0, 2]);
  });

  it('that its client leaves is announced as such, and ends at the function', async () => {
    const left = new Promise<void>((resolve) => {
      void gateway.replica((incoming) => void incoming.socket.on('close', resolve));
    });
    while (gateway.addresses.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const ended = gateway.finished();
    const leave = new AbortController();
    gateway.activity.events.once('started', () => setImmediate(() => leave.abort()));
    await assert.rejects(fetch(gateway.url('fn'), { signal: leave.signal }));
    const { status, ending } = await ended;
    assert.deepEqual([status, ending], [499, 'client left']);
    await left;
  });
});

describe('a function that is silent', function () {
  this.timeout(30_000);
  let gateway: Proxied;
  beforeEach(async () => {
    gateway = await Proxied.open({ bound: 300 });
  });
  afterEach(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('from the start is 504', async () => {
    await gateway.replica(() => undefined);
    const ended = gateway.finished();
    const answer = await fetch(gateway.url('fn'));
    assert.deepEqual([answer.status, await answer.text()], [504, 'fn did not answer within 0.3 s.']);
    assert.equal((await ended).ending, 'timed out');
  });

  it('in the middle of its answer is cut off', async () => {
    await gateway.replica((_, outgoing) => void outgoing.write('begun'));
    const ended = gateway.finished();
    const answer = await fetch(gateway.url('fn'));
    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
    const { ending, status, answerBytes } = await ended;
    assert.deepEqual([ending, status, answerBytes], ['timed out', 200, 5]);
  });

  it('because its caller is, is not blamed: 408', async () => {
    await gateway.replica((incoming, outgoing) => void incoming.pipe(outgoing));
    const sent = 'POST /function/fn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n';
    // The function has answered nothing yet, since nothing came.
    assert.match(await exchange(gateway.port, sent), /^HTTP\/1\.1 408 /);
  });

  it('because nobody takes its answer is let go', async () => {
    let left = false;
    await gateway.replica((incoming, outgoing) => {
      incoming.socket.on('close', () => {
        left = true;
      });
      const go = (): void => {
        while (!outgoing.destroyed && outgoing.write(Buffer.alloc(1 << 16)));
      };
      outgoing.on('drain', go);
      go();
    });
    const ended = gateway.finished();
    const socket = connect(gateway.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET /function/fn HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const { status, ending } = await ended;
    assert.deepEqual([status, ending], [200, 'timed out']);
    socket.resume();
    if (!socket.closed) await once(socket, 'close');
    while (!left) await new Promise((resolve) => setImmediate(resolve));
  });

  it('may talk for as long as it likes', async () => {
    await gateway.replica((incoming, outgoing) => void incoming.pipe(outgoing));
    const asked = request(gateway.url('fn'), { method: 'POST' });
    asked.write('.');
    const [answer]: IncomingMessage[] = await once(asked, 'response');
    assert.ok(answer !== undefined);
    const began = performance.now();
    // Four times the bound, with a word in each quarter of it.
    while (performance.now() - began < 1200) {
      asked.write('.');
      await once(answer, 'data');
      await new Promise((resolve) => setTimeout(resolve, 75));
    }
    asked.end();
    answer.resume();
    await once(answer, 'end');
    assert.ok(answer.complete);
  });
});
