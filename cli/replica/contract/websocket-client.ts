import { createHash, randomBytes } from 'node:crypto';
import { type Connection, openConnection } from './connection.ts';
import { expect, expectMatch } from './expectation.ts';
import type { Reachable } from './target.ts';

/** RFC 6455, section 5.2. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly final: boolean;
  readonly data: Buffer;
}

/** The client's end of a WebSocket, frame by frame. */
export interface WebSocketClient {
  /** Head of the 101, for its headers. */
  readonly head: string;
  send(opcode: number, data: string | Uint8Array, final?: boolean): void;
  /** The next frame. */
  receive(milliseconds?: number): Promise<Frame>;
  readonly connection: Connection;
}

/** Opens a WebSocket. Throws {@link Unkept} where the answer is not a right 101. */
export async function openWebSocket(
  replica: Reachable,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<WebSocketClient> {
  const key = randomBytes(16).toString('base64');
  const connection = await openConnection(replica);
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${more.join('')}\r\n`,
  );
  const heard = await connection.read(/\r\n\r\n/);
  const [head = ''] = heard.split('\r\n\r\n', 1);
  let rest = Buffer.from(heard.slice(head.length + 4), 'latin1');
  expectMatch(head, /^HTTP\/1\.1 101 /, 'the answer to a WebSocket');
  const wanted = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const accepted = /^sec-websocket-accept: *(\S+)$/im.exec(head)?.[1];
  expect(accepted === wanted, `Sec-WebSocket-Accept: expected ${wanted}, got ${accepted}`);
  return {
    head,
    connection,
    send: (opcode, data, final = true) => connection.write(encodeFrame(opcode, Buffer.from(data), final)),
    async receive(milliseconds) {
      for (;;) {
        const frame = decodeFrame(rest);
        if (frame !== undefined) {
          rest = rest.subarray(frame.length);
          return frame;
        }
        rest = Buffer.concat([rest, Buffer.from(await connection.read(/[\s\S]/, milliseconds), 'latin1')]);
      }
    },
  };
}

/** A frame of a client: always masked. */
function encodeFrame(opcode: number, data: Buffer, final: boolean): Buffer {
  const mask = randomBytes(4);
  const size = data.length < 126 ? Buffer.alloc(2) : data.length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  size[0] = (final ? 0x80 : 0) | opcode;
  if (size.length === 2) size[1] = 0x80 | data.length;
  else if (size.length === 4) {
    size[1] = 0x80 | 126;
    size.writeUInt16BE(data.length, 2);
  } else {
    size[1] = 0x80 | 127;
    size.writeBigUInt64BE(BigInt(data.length), 2);
  }
  const masked = data.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([size, mask, masked]);
}

/** The first frame, if it is there whole. A server's frames are not masked. */
function decodeFrame(buffer: Buffer): (Frame & { readonly length: number }) | undefined {
  if (buffer.length < 2) return undefined;
  const first = buffer.readUInt8(0);
  const second = buffer.readUInt8(1);
  expect((second & 0x80) === 0, 'a WebSocket frame of a server: expected no mask, got one');
  expect((first & 0x70) === 0, 'a WebSocket frame: expected no reserved bits, nobody asked for an extension');
  const short = second & 0x7f;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (buffer.length < start) return undefined;
  const size = short < 126 ? short : short === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
  if (buffer.length < start + size) return undefined;
  return {
    opcode: first & 0x0f,
    final: (first & 0x80) !== 0,
    data: buffer.subarray(start, start + size),
    length: start + size,
  };
}
