import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { UserError } from '../../../cli/errors.ts';
import { listen } from '../../../cli/local/gateway/listen.ts';
import { exchange, Proxied, readUntil } from './proxied.ts';

describe('the listener of a local gateway', function () {
  this.timeout(30_000);
  const gateways: Proxied[] = [];
  const open = async (options: Parameters<typeof Proxied.open>[0]): Promise<Proxied> => {
    const gateway = await Proxied.open(options);
    gateways.push(gateway);
    return gateway;
  };
  afterEach(async () => {
    for (const gateway of gateways.splice(0)) await gateway[Symbol.asyncDispose]();
  });

  it('refuses headers that are too large with 431, and takes all that are not', async () => {
    const gateway = await open({ limits: { headerSize: 64 << 10 } });
    let seen = 0;
    await gateway.replica((incoming, outgoing) => {
      seen = incoming.rawHeaders.length / 2;
      outgoing.end();
    }, 128 << 10);
    const head = 'GET /function/fn HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n';
    assert.match(await exchange(gateway.port, `${head}X-Large: ${'x'.repeat(70_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
    assert.match(
      await exchange(gateway.port, `GET /function/fn?${'x'.repeat(70_000)} HTTP/1.1\r\n\r\n`),
      /^HTTP\/1\.1 431 /,
    );
    assert.equal(seen, 0);
    // More than the 2000 that Node would quietly stop at.
    assert.match(await exchange(gateway.port, `${head}${'a:b\r\n'.repeat(5000)}\r\n`), /^HTTP\/1\.1 200 /);
    assert.ok(seen > 5000, String(seen));
  });

  it('lets slow headers go after their time, and what says nothing at all', async () => {
    const gateway = await open({ limits: { headersTimeout: 300 } });
    const [slow, silent] = await Promise.all([
      exchange(gateway.port, 'GET /function/fn HTTP/1.1\r\nHost: loc'),
      exchange(gateway.port, ''),
    ]);
    assert.match(slow, /^HTTP\/1\.1 408 /);
    assert.match(silent, /^(?:HTTP\/1\.1 408 |$)/);
  });

  it('does not break a long upload', async () => {
    const gateway = await open({ limits: { headersTimeout: 300 } });
    await gateway.replica((incoming, outgoing) => void incoming.pipe(outgoing));
    const socket = connect(gateway.port, '127.0.0.1');
    socket.write('POST /function/fn HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\n');
    for (let part = 0; part < 10; part += 1) {
      socket.write('x');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.match(await readUntil(socket, /\r\n0\r\n\r\n$/), /^HTTP\/1\.1 200 /);
  });

  it('holds no more connections than it may, and takes new ones when others have gone', async () => {
    const gateway = await open({ limits: { connections: 20 } });
    await gateway.replica((_, outgoing) => void outgoing.end('ok'));
    const idle: Socket[] = [];
    let closed = 0;
    for (let count = 0; count < 60; count += 1) {
      const socket = connect(gateway.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.on('close', () => {
        closed += 1;
      });
      socket.resume();
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
      idle.push(socket);
    }
    while (closed < 40) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(closed, 40);
    for (const socket of idle) socket.destroy();
    while (closed < 60) await new Promise((resolve) => setImmediate(resolve));
    // The other side has to notice, too.
    for (;;) {
      const answer = await fetch(gateway.url('fn')).catch(() => undefined);
      if (answer !== undefined) {
        assert.equal(await answer.text(), 'ok');
        break;
      }
    }
  });

  it('closes at once, whatever is under way', async () => {
    const gateway = await open({});
    await gateway.replica((incoming, outgoing) => {
      incoming.resume();
      if (incoming.url === '/streams') outgoing.write('begun');
    });
    const sockets = [
      'GET /function/fn/hangs HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET /function/fn/streams HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'POST /function/fn/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx',
      'GET /function/fn HTTP/1.1\r\nHo',
      '',
    ].map((sent) => {
      const socket = connect(gateway.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(sent);
      return new Promise((resolve) => socket.once('close', resolve));
    });
    while (gateway.activity.runningCount < 3) await new Promise((resolve) => setImmediate(resolve));
    await gateway.close();
    await Promise.all(sockets);
    assert.deepEqual(
      gateway.activity.finished.map((call) => call.ending),
      ['gateway closed', 'gateway closed', 'gateway closed'],
    );
  });

  it('says which port is taken, and which address is not of this machine', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const refused = (code: string, text: RegExp) => (error: unknown) =>
      error instanceof UserError && error.code === code && text.test(error.message);
    await assert.rejects(
      listen('127.0.0.1', port, () => undefined),
      refused('BAN-E601', /taken by another program/),
    );
    await assert.rejects(
      listen('203.0.113.7', 0, () => undefined),
      refused('BAN-E620', /^203\.0\.113\.7 is no address/),
    );
    await assert.rejects(
      listen('nowhere.invalid', 0, () => undefined),
      refused('BAN-E620', /^nowhere\.invalid is no/),
    );
    taken.close();
  });
});
