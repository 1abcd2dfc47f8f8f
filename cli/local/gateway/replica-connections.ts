import type { Socket } from 'node:net';
import { ReplicaSocket } from './replica-socket.ts';

/** An open connection to a replica over which nothing has been sent. */
export interface ReplicaConnection {
  readonly socket: Socket;
  /** The replica's base address. */
  readonly address: string;
}

/** Why there is no connection: no such function, none of its replicas is ready, or all that are refused. */
export type NoConnection = 'unknown' | 'not ready' | 'refused';

/** Gives the base addresses of a function's replicas that are ready, `undefined` if there is no such function. Asked for each call: it must be quick. */
export type Endpoints = (name: string) => readonly string[] | undefined;

/**
 * Connects to replicas: to the one with the fewest connections, in turn among equals.
 *
 * Each call gets a connection of its own. A kept one may be closed by its replica (which drains, or was killed) in the moment a request is
 * written to it, and whether the function has seen that request nobody can tell: it would be lost, or run twice. A connection that was
 * refused has carried nothing, so the next replica is asked. What that costs is measured by `npm run bench -- gateway`.
 */
export class ReplicaConnections {
  readonly #endpoints: Endpoints;
  readonly #bound: number;
  readonly #wake: (name: string) => Promise<boolean>;
  readonly #count = new Map<string, number>();
  #turn = 0;

  /** `bound`: how long one connection may take, in milliseconds. `wake`: whether a function without a replica has one after all, if it is waited for. */
  constructor(endpoints: Endpoints, bound: number, wake: (name: string) => Promise<boolean> = async () => false) {
    this.#endpoints = endpoints;
    this.#bound = bound;
    this.#wake = wake;
  }

  /** Whether there is such a function, ready or not. */
  knows(name: string): boolean {
    return this.#endpoints(name) !== undefined;
  }

  /** Connects to a replica of a function. Never rejects; bounded. */
  async connect(name: string): Promise<ReplicaConnection | NoConnection> {
    const tried = new Set<string>();
    for (;;) {
      // Asked anew after a refusal: the one that refused may have been replaced meanwhile.
      const addresses = this.#endpoints(name);
      if (addresses === undefined) return 'unknown';
      const address = this.#choose(addresses, tried);
      if (address === undefined) {
        if (tried.size > 0) return 'refused';
        if (await this.#wake(name)) continue;
        return 'not ready';
      }
      tried.add(address);
      const socket = await this.#dial(address);
      if (socket !== undefined) return { socket, address };
    }
  }

  #choose(addresses: readonly string[], tried: ReadonlySet<string>): string | undefined {
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER;
    let best: string | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (let step = 0; step < addresses.length; step += 1) {
      const address = addresses[(this.#turn + step) % addresses.length];
      if (address === undefined || tried.has(address)) continue;
      const open = this.#count.get(address) ?? 0;
      if (open < fewest) [best, fewest] = [address, open];
    }
    return best;
  }

  /** A connected socket, `undefined` if there is none to be had; counted until it closes. */
  #dial(address: string): Promise<Socket | undefined> {
    const { hostname, port } = new URL(address);
    this.#count.set(address, (this.#count.get(address) ?? 0) + 1);
    return new Promise((resolve) => {
      // An address of IPv6 has brackets in a URL.
      const host = hostname.replace(/^\[|\]$/g, '');
      const socket = new ReplicaSocket();
      socket.setTimeout(this.#bound);
      socket.connect({ host, port: Number(port || 80), noDelay: true });
      const giveUp = (): void => void socket.destroy();
      socket.once('timeout', giveUp);
      socket.once('connect', () => {
        socket.off('timeout', giveUp);
        socket.setTimeout(0);
        resolve(socket);
      });
      // Its `close` follows, and says all there is to say.
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#left(address);
        resolve(undefined);
      });
    });
  }

  #left(address: string): void {
    const open = (this.#count.get(address) ?? 1) - 1;
    if (open > 0) this.#count.set(address, open);
    else this.#count.delete(address);
  }
}
