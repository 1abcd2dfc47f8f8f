import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

const loopback = '127.0.0.1';
/** Where ports are looked for, if the system takes those of outgoing connections from above. */
const lowest = 20_000;
const fewest = 1000;
const tries = 200;

/** Which ports are taken, `highest` left out; `any`: what the system gives. */
export type PortRange = 'any' | { readonly lowest: number; readonly highest: number };

/**
 * Ports of 127.0.0.1 for programs that are about to start. Between the look and the start a port may still be taken: by another program, or by an
 * outgoing connection, hence ports are chosen below those (ip_local_port_range). None is given out twice before it was given back, to no other gateway
 * of this machine either, whose function would answer in the place of ours: who has a port holds the UDP port of that number, which nobody else uses.
 */
export class FreePorts {
  readonly #taken = new Map<number, Socket>();
  #range: Promise<PortRange> | undefined;

  /** Without a range: those below the system's own. */
  constructor(range?: PortRange) {
    if (range !== undefined) this.#range = Promise.resolve(range);
  }

  /** Takes a port. */
  async take(): Promise<number> {
    this.#range ??= readRange();
    const range = await this.#range;
    for (let left = tries; left > 0; left -= 1) {
      const port = range === 'any' ? await findAny() : randomInt(range.lowest, range.highest);
      const mark = await hold(port);
      if (mark === undefined) continue;
      this.#taken.set(port, mark);
      if (await isFree(port)) return port;
      this.giveBack(port);
    }
    throw new Error(`no port of ${loopback} is free`);
  }

  /** Gives a port back. */
  giveBack(port: number): void {
    this.#taken.get(port)?.close();
    this.#taken.delete(port);
  }
}

/** Takes the UDP port of that number, as a mark; `undefined` if somebody has it. */
async function hold(port: number): Promise<Socket | undefined> {
  const mark = createSocket('udp4');
  // Nothing is expected there, and it keeps nobody from ending.
  mark.unref();
  mark.bind({ address: loopback, port, exclusive: true });
  try {
    await once(mark, 'listening');
    // As a mark it is good whatever comes.
    mark.on('error', () => undefined);
    return mark;
  } catch {
    mark.close();
    return undefined;
  }
}

async function readRange(): Promise<PortRange> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const highest = Number(/^(\d+)/.exec(range)?.[1] ?? 0);
  return highest - lowest < fewest ? 'any' : { lowest, highest };
}

async function findAny(): Promise<number> {
  const server = createServer();
  server.listen({ host: loopback, port: 0 });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen({ host: loopback, port, exclusive: true });
  try {
    await once(server, 'listening');
    server.close();
    return true;
  } catch {
    return false; // Taken, or not for us: another one will do.
  }
}
