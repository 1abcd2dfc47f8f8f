import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Call } from './call.ts';
import { copyForeignHeaders, type ForeignHeaders, type Identity } from './identity.ts';
import type { Upgradable } from './websocket.ts';

/** A request whose body is counted while it streams: one without a Content-Length says only then how large it is. */
export class Incoming extends IncomingMessage {
  bodyLimit = Number.POSITIVE_INFINITY;
  onTooLarge: (() => void) | undefined;
  /** Where the caller asks for a WebSocket. */
  upgradable: Upgradable | undefined;
  #received = 0;

  override push(chunk: Uint8Array | null): boolean {
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
    const headers = text === undefined && rest.length < 2 ? rest[0] : rest[1];
    return this.begin(status, (headers ?? {}) as ForeignHeaders, undefined, text);
  }

  /** Writes the head. `length` is that of the body where it is known and `headers` may not say it. */
  begin(status: number, given: ForeignHeaders, length?: number, text?: string): this {
    const headers = this.ownHeaders();
    copyForeignHeaders(given, headers);
    if (length !== undefined && headers['content-length'] === undefined) headers['Content-Length'] ??= length;
    if (this.trailers !== undefined && status !== 204 && status !== 304) promiseTrailers(this.trailers, headers);
    this.contentLength = headers['Content-Length'] ?? headers['content-length'];
    if (this.isLast) {
      delete headers['connection'];
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

/** With trailers to come the body goes in chunks, so its length stays unsaid. */
function promiseTrailers(trailers: Record<string, string>, headers: OutgoingHttpHeaders): void {
  for (const name of Object.keys(headers)) if (/^(?:content-length|trailer)$/i.test(name)) delete headers[name];
  headers['Trailer'] = Object.keys(trailers).join(', ');
  headers['Transfer-Encoding'] = 'chunked';
}
