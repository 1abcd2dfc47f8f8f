import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Incoming } from './http-messages.ts';

/** The bridge wants to write an answer. Ours is written elsewhere, so what it writes goes nowhere. */
class Nowhere extends ServerResponse {
  override writeHead(): this {
    return this;
  }
  override end(): this {
    return this;
  }
  override on(): this {
    return this;
  }
  override once(): this {
    return this;
  }
}

/**
 * Turns requests of Node's into standard Requests that cost only what the handler looks at: `@hono/node-server` makes them.
 * The function returned hands each to `take` at once; what cannot be a Request ends in `refuse`.
 */
export function makeRequests(take: (request: Request) => void, refuse: () => void): (incoming: Incoming) => void {
  const nowhere = new Nowhere(new IncomingMessage(new Socket()));
  const mold = new Mold();
  const bridge = getRequestListener(
    (request, { incoming }) => {
      mold.learn(request, incoming);
      take(request);
      return taken;
    },
    // A caller that speaks HTTP/1.0 need not name a host.
    { errorHandler: refuse, hostname: 'localhost' },
  );
  const taken = new Response(null);
  return (incoming) => {
    const request = mold.cast(incoming);
    if (request === undefined) void bridge(incoming, nowhere);
    else take(request);
  };
}

// Nothing in these needs to be looked at twice; all others go through the bridge, which does.
const plainHost = /^[a-z0-9._-]+(?::(?:[1-5]\d{3,4}|[6-9]\d{3}))?$/;
const plainTarget = /^\/(?!\.)[!#$&-;=?_a-z~A-Z]*$/;
const plainMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * What the bridge's requests are made of, learned from the first one. To make the next ones without the bridge's own
 * promises saves a tenth of a call's time. Where they turn out to be of anything else, the bridge makes all of them.
 */
class Mold {
  #prototype: object | null = null;
  #incoming: symbol | undefined;
  #method: symbol | undefined;
  #url: symbol | undefined;
  /** What the bridge notes on a request that may have a body. */
  #mayHaveBody: symbol | undefined;

  learn(request: Request, incoming: object): void {
    const own = Object.getOwnPropertySymbols(request);
    if (own.length !== 3) return;
    this.#incoming = named(own, 'incomingKey');
    this.#method = named(own, 'methodKey');
    this.#url = named(own, 'urlKey');
    this.#mayHaveBody ??= named(Object.getOwnPropertySymbols(incoming), 'wrapBodyStream');
    this.#prototype = Object.getPrototypeOf(request);
  }

  cast(incoming: Incoming): Request | undefined {
    const { method = '', url = '', headers } = incoming;
    const hasNoBody = method === 'GET' || method === 'HEAD';
    if (this.#prototype === null || !this.#incoming || !this.#method || !this.#url) return undefined;
    if (!hasNoBody && !(this.#mayHaveBody && plainMethods.has(method))) return undefined;
    if (headers.host === undefined || !plainHost.test(headers.host)) return undefined;
    if (!plainTarget.test(url) || url.includes('/.')) return undefined;
    const request = Object.create(this.#prototype);
    request[this.#incoming] = incoming;
    request[this.#method] = method;
    request[this.#url] = `http://${headers.host}${url}`;
    if (!hasNoBody && this.#mayHaveBody) Object.assign(incoming, { [this.#mayHaveBody]: true });
    return request;
  }
}

/** The method by which a request of the bridge learns that nobody waits for its answer any more. */
let abortKey: symbol | undefined;

export function abortRequest(request: Request, reason: Error): void {
  abortKey ??= named(Object.getOwnPropertySymbols(Object.getPrototypeOf(request)), 'abortRequest');
  if (abortKey !== undefined) Reflect.get(request, abortKey).call(request, reason);
}

function named(symbols: readonly symbol[], name: string): symbol | undefined {
  return symbols.find(({ description }) => description === name);
}
