import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { exchange, Proxied, readUntil } from './proxied.ts';

describe('another protocol through the gateway', function () {
  this.timeout(30_000);
  let gateway: Proxied;
  beforeEach(async () => {
    gateway = await Proxied.open({ bound: 400 });
  });
  afterEach(async () => {
    await gateway[Symbol.asyncDispose]();
  });
  const asking = (path: string, protocol: string, more = ''): string =>
    `GET /function/${path} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: ${protocol}\r\n${more}\r\n`;

  it('WebSocket: text and bytes both ways, path, subprotocol and close code', async () => {
    const far = new WebSocketServer({ noServer: true });
    const paths: (string | undefined)[] = [];
    const server = await gateway.replica(() => assert.fail('no ordinary request'));
    server.on('upgrade', (incoming, socket, head) => {
      paths.push(incoming.url);
      assert.match(String(incoming.headers['x-call-id']), /^[0-9a-f-]{36}$/);
      far.handleUpgrade(incoming, socket, head, (opened) => {
        opened.on('message', (data, isBinary) => opened.send(data, { binary: isBinary }));
        opened.on('close', () => undefined);
      });
    });
    const near = new WebSocket(`ws://127.0.0.1:${gateway.port}/function/fn/chat?room=1`, ['a', 'b']);
    await once(near, 'open');
    assert.equal(near.protocol, 'a');
    near.send('grüße');
    assert.equal(String((await once(near, 'message'))[0]), 'grüße');
    const bytes = Buffer.alloc(1 << 20, 7);
    near.send(bytes);
    const [back]: Buffer[] = await once(near, 'message');
    assert.ok(back !== undefined && bytes.equals(back));
    // Silence is no fault here: longer than a function may take to answer.
    await new Promise((resolve) => setTimeout(resolve, 600));
    near.send('still there');
    assert.equal(String((await once(near, 'message'))[0]), 'still there');
    assert.deepEqual(paths, ['/chat?room=1']);
    assert.equal(gateway.activity.runningCount, 1);
    const ended = gateway.finished();
    near.close(4001, 'done');
    assert.equal((await once(near, 'close'))[0], 4001);
    const { status, ending, method, requestBytes, answerBytes } = await ended;
    assert.deepEqual([status, ending, method], [101, 'answered', 'GET']);
    assert.ok(requestBytes > 1 << 20 && answerBytes > 1 << 20);
  });

  it('any other: what is written together with the request arrives, and the end of each side', async () => {
    const heard: string[] = [];
    await gateway.bareReplica((socket) => {
      void readUntil(socket, /\r\n\r\n$/).then(async (text) => {
        const more = readUntil(socket, /over to you$/);
        socket.write('HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: morse\r\nX-Far: \xe4\r\n\r\n', 'latin1');
        heard.push(text + (await more));
        socket.on('data', (chunk) => void socket.end(`heard ${chunk}`));
        socket.write('begun');
      });
    });
    const socket = connect(gateway.port, '127.0.0.1');
    socket.write(`${asking('fn', 'morse', 'X-Mine: 1\r\n')}over to you`);
    const head = await readUntil(socket, /begun$/);
    assert.match(head, /^HTTP\/1\.1 101 Fine\r\n[\s\S]*\r\nX-Far: \xe4\r\n/);
    assert.match(
      heard[0] ?? '',
      /\r\nX-Mine: 1\r\n[\s\S]*\r\nConnection: Upgrade\r\nUpgrade: morse\r\n\r\nover to you$/,
    );
    socket.write('...');
    await readUntil(socket, /^heard \.\.\.$/);
    if (!socket.closed) await once(socket, 'close');
  });

  it('that the function does not take is answered as it says', async () => {
    await gateway.replica((_, outgoing) => void outgoing.writeHead(426, { Upgrade: 'other' }).end('not this one'));
    assert.match(
      await exchange(gateway.port, asking('fn', 'websocket')),
      /^HTTP\/1\.1 426 [\s\S]*not this one\r\n0\r\n\r\n$/,
    );
  });

  it('to nobody is answered in the words of the gateway', async () => {
    assert.match(
      await exchange(gateway.port, asking('nope', 'websocket')),
      /^HTTP\/1\.1 404 [\s\S]*error finding function nope/,
    );
    assert.match(await exchange(gateway.port, asking('fn', 'websocket')), /^HTTP\/1\.1 503 /);
    await gateway.deadReplica();
    assert.match(await exchange(gateway.port, asking('fn', 'websocket')), /^HTTP\/1\.1 500 /);
    gateway.addresses.length = 0;
    await gateway.bareReplica((socket) => socket.resume());
    assert.match(await exchange(gateway.port, asking('fn', 'websocket')), /^HTTP\/1\.1 504 /);
  });

  it('is read as an ordinary request where it is HTTP/2, body included', async () => {
    await gateway.replica((incoming, outgoing) => {
      assert.equal(incoming.headers.upgrade, undefined);
      incoming.pipe(outgoing);
    });
    for (const split of [false, true]) {
      const socket = connect(gateway.port, '127.0.0.1');
      const head = asking('fn', 'h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 9\r\n');
      socket.write(split ? head : `${head}some body`);
      if (split) setImmediate(() => socket.write('some body'));
      assert.match(await readUntil(socket, /some body\r\n0\r\n\r\n$/), /^HTTP\/1\.1 200 OK\r\n/);
      // The connection goes on as any other.
      socket.write('POST /function/fn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nagain');
      await readUntil(socket, /again\r\n0\r\n\r\n$/);
      socket.destroy();
    }
  });

  it('ends at the function when the client breaks off, and for the client when the function does', async () => {
    const far: Socket[] = [];
    await gateway.bareReplica((socket) => {
      far.push(socket);
      void readUntil(socket, /\r\n\r\n/).then(() =>
        socket.write('HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
      );
    });
    const open = async (): Promise<Socket> => {
      const socket = connect(gateway.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(asking('fn', 'x'));
      await readUntil(socket, /\r\n\r\n/);
      return socket;
    };
    const first = await open();
    const ended = once(far[0] as Socket, 'close');
    first.resetAndDestroy();
    await ended;
    const second = await open();
    const lost = once(second, 'close');
    far[1]?.resetAndDestroy();
    await lost;
  });

  it('ends with the gateway, which does not wait for it', async () => {
    await gateway.bareReplica((socket) => {
      void readUntil(socket, /\r\n\r\n/).then(() =>
        socket.write('HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
      );
    });
    const socket = connect(gateway.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(asking('fn', 'x'));
    await readUntil(socket, /\r\n\r\n/);
    const ended = gateway.finished();
    const lost = once(socket, 'close');
    await gateway.close();
    await lost;
    assert.equal((await ended).ending, 'gateway closed');
  });

  it('is not offered where nobody asked for it', async () => {
    await gateway.bareReplica((socket) => {
      void readUntil(socket, /\r\n\r\n/).then(() =>
        socket.write('HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
      );
    });
    const asked = request(gateway.url('fn')).end();
    const [answer] = await once(asked, 'response');
    assert.equal(answer.statusCode, 500);
    answer.resume();
  });
});
