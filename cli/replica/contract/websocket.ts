import { call } from './call.ts';
import { openConnection } from './connection.ts';
import { bantamRuntimes, type ContractCase } from './contract-case.ts';
import { endOf } from './ending.ts';
import { expect, expectEqual, expectMatch } from './expectation.ts';
import { metricsOf } from './prometheus.ts';
import { until } from './wait.ts';
import { opcodes, openWebSocket } from './websocket-client.ts';
import { waitUntilDraining } from './window.ts';

const keepsBeyond = (setting: 'exec_timeout' | 'write_timeout'): ContractCase => ({
  name: `keeps a WebSocket beyond ${setting}`,
  section: 'Settings',
  needs: 'process',
  handler: 'contract',
  only: bantamRuntimes,
  async run(bench) {
    const replica = await bench.ready({ environment: { [setting]: '300ms' } });
    const socket = await openWebSocket(replica, '/websocket');
    const end = performance.now() + 900;
    while (performance.now() < end) {
      socket.send(opcodes.text, 'still here');
      expectEqual((await socket.receive()).data.toString(), 'still here', 'a message');
    }
    socket.connection.destroy();
  },
});

export const webSocketCases: readonly ContractCase[] = [
  {
    name: 'opens a WebSocket where the handler asks for it, and hands on what is said',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready();
      const socket = await openWebSocket(replica, '/websocket', { 'X-Call-Id': 'socket-1' });
      expectMatch(socket.head, /^x-call-id: socket-1$/im, 'the head of the 101');
      for (const text of ['hello', 'h\u00e9', 'x'.repeat(200), 'y'.repeat(70_000)]) {
        socket.send(opcodes.text, text);
        const frame = await socket.receive();
        expectEqual(frame.opcode, opcodes.text, 'the frame that came back: opcode');
        expect(frame.data.toString() === text, `expected the ${text.length} characters sent, got others`);
      }
      const bytes = Buffer.from([0, 255, 1, 128]);
      socket.send(opcodes.binary, bytes);
      const frame = await socket.receive();
      expectEqual(frame.opcode, opcodes.binary, 'the frame that came back: opcode');
      expectEqual(frame.data.toString('hex'), bytes.toString('hex'), 'the bytes that came back');
      socket.connection.destroy();
    },
  },
  {
    name: 'answers a ping, takes a message in fragments, closes when asked to',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const socket = await openWebSocket(await bench.ready(), '/websocket');
      socket.send(opcodes.ping, 'are you there');
      const pong = await socket.receive();
      expectEqual(pong.opcode, opcodes.pong, 'the answer to a ping: opcode');
      expectEqual(pong.data.toString(), 'are you there', 'the answer to a ping');
      socket.send(opcodes.text, 'in ', false);
      socket.send(opcodes.continuation, 'parts', true);
      expectEqual((await socket.receive()).data.toString(), 'in parts', 'a message in two fragments');
      socket.send(opcodes.close, Buffer.from([0x03, 0xe8]));
      expectEqual((await socket.receive()).opcode, opcodes.close, 'the answer to a close: opcode');
      await socket.connection.closed();
    },
  },
  keepsBeyond('exec_timeout'),
  keepsBeyond('write_timeout'),
  {
    name: 'tells WebSockets that it goes away when the port closes and not before, and ends with 0',
    section: 'Life',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready({ environment: { healthcheck_interval: '2s' } });
      const socket = await openWebSocket(replica, '/websocket');
      socket.send(opcodes.text, 'hello');
      await socket.receive();
      const began = performance.now();
      replica.send('SIGTERM');
      await waitUntilDraining(replica);
      socket.send(opcodes.text, 'still here');
      const inWindow = await socket.receive();
      expectEqual(inWindow.opcode, opcodes.text, 'the frame that came back after the signal: opcode');
      expectEqual(inWindow.data.toString(), 'still here', 'a message after the signal');
      const frame = await socket.receive(15_000);
      const seconds = (performance.now() - began) / 1000;
      expectEqual(frame.opcode, opcodes.close, 'the frame at the end: opcode');
      expectEqual(frame.data.length < 2 ? 0 : frame.data.readUInt16BE(0), 1001, 'the code of the close: going away');
      expect(seconds > 1.9, `expected the close when the port closes, after 2 s, got it after ${seconds.toFixed(1)} s`);
      socket.send(opcodes.close, Buffer.from([0x03, 0xe9]));
      await socket.connection.closed();
      socket.connection.destroy();
      expectEqual(await endOf(replica), 0, 'exit code');
    },
  },
  {
    name: 'counts a WebSocket in flight, and out when its caller vanishes',
    section: 'Metrics',
    needs: 'process',
    handler: 'contract',
    only: bantamRuntimes,
    async run(bench) {
      const replica = await bench.ready();
      const socket = await openWebSocket(replica, '/websocket');
      socket.send(opcodes.text, 'hello');
      await socket.receive();
      expectEqual((await metricsOf(replica)).value('http_requests_in_flight'), 1, 'http_requests_in_flight');
      socket.connection.destroy();
      await until(
        async () => (await metricsOf(replica)).value('http_requests_in_flight') === 0 || undefined,
        'http_requests_in_flight is 0 after the caller has gone',
        bench.signal,
      );
    },
  },
  {
    name: 'answers a WebSocket as any call where the handler does not ask for it',
    section: 'Answers',
    needs: 'process',
    handler: 'contract',
    async run(bench) {
      const replica = await bench.ready();
      const connection = await openConnection(replica);
      connection.write(
        'GET /calls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      );
      expectMatch(await connection.read(/\r\n\r\n/), /^HTTP\/1\.1 200 /, 'GET /calls with Upgrade: websocket');
      connection.destroy();
      expectEqual((await call(replica, '/calls')).body, '2', 'calls of the handler');
    },
  },
];
