import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Call } from './call.ts';
import { copyForeignHeaders, type ForeignHeaders, type Identity } from './identity.ts';
import type { Upgradable } from './websocket.ts';

/** Milliseconds that a caller has to send the rest of a body that nobody is going to read. */
const longestDiscard = 1000;

/** A request whose body is counted while it streams: one without a Content-Length says only then how large it is. */
export class Incoming extends IncomingMessage {
  bodyLimit = Number.POSITIVE_INFINITY;
  onTooLarge: (() => void) | undefined;
  /** Where the caller asks for a WebSocket. */
  upgradable: Upgradable | undefined;
  #received = 0;
  #discarding: NodeJS.Timeout | undefined;

  /**
   * Ends the body with `reason` for whoever reads it, and drops what is still to come of it for a moment: to close at once
   * would cost the caller its answer, and to leave it unread would hold up the connection's next request for ever.
   */
  discard(reason: Error): void {
    if (this.complete || this.#discarding !== undefined) return;
    this.#discarding = setTimeout(() => this.socket.destroy(), longestDiscard);
    this._read(0); // the connection may be stopped because the body was read slowly
    this.destroy(reason);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#discarding === undefined) super._destroy(error, callback);
    // Node would end the connection. As Node does, an error goes only to those who listen for it.
    else process.nextTick(() => (this.listenerCount('error') > 0 ? callback(error) : callback()));
  }

  override push(chunk: Uint8Array | null): boolean {
    if (this.#discarding !== undefined) {
      if (chunk === null) clearTimeout(this.#discarding);
      return true;
    }
    if (chunk === null || this.bodyLimit === Number.POSITIVE_INFINITY) return super.push(chunk);
    const before = this.#received;
    this.#received += chunk.length;
    if (this.#received <= this.bodyLimit) return super.push(chunk);
    if (before <= this.bodyLimit) this.onTooLarge?.();
    return true; // dropped; true, because what follows has to be read and dropped as well
  }
}

/** An answer that says who gives it, whoever writes its head. */
export class Answer extends ServerResponse<Incoming> {
  /** Set as soon as the request is seen. */
  call: Call | undefined;
  identity: Identity | undefined;
  /** Whether its connection is to end with it. */
  isLast = false;
  /** Filled by `context.setTrailer`. */
  trailers: Record<string, string> | undefined;

  /** As its head says it, for the log. */
  contentLength: OutgoingHttpHeaders[string];

  override writeHead(status: number, ...rest: unknown[]): this {
    const text = typeof rest[0] === 'string' ? rest[0] : undefined;
    const given = text === undefined && rest.length < 2 ? rest[0] : rest[1];
    const headers = isFlatList(given) ? pairUp(given) : given;
    return this.begin(status, (headers ?? {}) as ForeignHeaders, undefined, text);
  }

  /** Writes the head. `length` is that of the body where it is known, whatever `given` says. */
  begin(status: number, given: ForeignHeaders, length?: number, text?: string): this {
    const headers = this.ownHeaders();
    copyForeignHeaders(given, headers);
    if (length !== undefined) {
      headers['Content-Length'] = length;
      delete headers['Transfer-Encoding'];
    }
    // A caller that speaks HTTP/1.0 knows nothing of chunks, which alone have a place for trailers.
    const mayHaveTrailers = this.useChunkedEncodingByDefault && status !== 204 && status !== 304;
    if (this.trailers !== undefined && mayHaveTrailers) promiseTrailers(this.trailers, headers);
    this.contentLength = headers['Content-Length'];
    if (this.isLast) {
      headers['Connection'] = 'close';
    }
    return text === undefined ? super.writeHead(status, headers) : super.writeHead(status, text, headers);
  }

  /** The headers that every answer carries. */
  ownHeaders(): OutgoingHttpHeaders {
    const { call, identity } = this;
    if (call === undefined) return { ...identity };
    return {
      ...identity,
      'X-Call-Id': call.id,
      'X-Start-Time': call.startTime,
      'X-Duration-Seconds': call.seconds().toFixed(6),
    };
  }

  /** Ends the answer with the last of its body and the trailers of `context.setTrailer`. */
  finish(body?: string | Uint8Array): void {
    // Only a body in chunks has a place for trailers.
    if (this.trailers !== undefined && this.chunkedEncoding) this.addTrailers(this.trailers);
    if (body === undefined) this.end();
    else this.end(body);
  }
}

/** Node's own shape: name, value, name, value. */
function isFlatList(headers: unknown): headers is readonly string[] {
  return Array.isArray(headers) && typeof headers[0] === 'string';
}

function pairUp(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return pairs;
}

/** With trailers to come the body goes in chunks, so its length stays unsaid. */
function promiseTrailers(trailers: Record<string, string>, headers: OutgoingHttpHeaders): void {
  for (const name of Object.keys(headers)) if (/^(?:content-length|trailer)$/i.test(name)) delete headers[name];
  headers['Trailer'] = Object.keys(trailers).join(', ');
  headers['Transfer-Encoding'] = 'chunked';
}
