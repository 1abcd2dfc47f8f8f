import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http';
import { format as formatContentType, parse as parseContentType } from 'content-type';
import makeEntityTag from 'etag';
import isFresh from 'fresh';
import type { Received } from './received.ts';
import type { EventSettings } from './settings.ts';

/** An answer in the making: status and headers as the handler left them, and the value that becomes its body. */
export class EventAnswer {
  /** By names in lower case. Not Headers: that would make one line of a list. */
  readonly #headers = new Map<string, readonly string[]>();
  readonly #received: Received;
  readonly #like: EventSettings['like'];

  constructor(received: Received, like: EventSettings['like']) {
    this.#received = received;
    this.#like = like;
  }

  /** Takes over the headers of a handler: a list is several headers of one name. Throws what node:http throws for what cannot be sent. */
  set(values: unknown): void {
    if ((typeof values !== 'object' && typeof values !== 'string') || values === null) return;
    for (const [name, value] of Object.entries(values)) {
      validateHeaderName(name);
      const texts: string[] = Array.isArray(value) ? value.map(String) : [String(value)];
      const isType = name.toLowerCase() === 'content-type';
      if (isType && Array.isArray(value)) throw new TypeError('Content-Type cannot be set to an Array');
      for (const text of texts) validateHeaderValue(name, text);
      // How long the body is and how it is sent is not for the handler to say.
      if (/^(transfer-encoding|content-length)$/i.test(name)) continue;
      this.#headers.set(name.toLowerCase(), isType ? texts.map(addCharset) : texts);
    }
  }

  /** The answer with this value as its body, as Express makes it. Throws for a status or a value that cannot be sent. */
  finish(given: unknown, status: unknown): Response {
    let value = given;
    let code = readStatus(status);
    if (typeof value === 'number' && this.#like === 'express4') {
      // An old habit: a bare number is a status.
      code = readStatus(value);
      value = STATUS_CODES[value];
      this.#suggestType('text/plain; charset=utf-8');
    }
    const body = this.#makeBody(value);
    if (body !== undefined && !this.#headers.has('etag'))
      this.#headers.set('etag', [makeEntityTag(body, { weak: true })]);
    if (this.#isFresh(code)) code = 304;
    if (code === 204 || code === 304) {
      this.#headers.delete('content-type');
      return new Response(null, { status: code, headers: this.#listHeaders() });
    }
    const empty = body === undefined || code === 205;
    this.#headers.set('content-length', [String(empty ? 0 : body.length)]);
    const sent = empty || this.#received.method === 'HEAD' ? null : body;
    return new Response(sent, { status: code, headers: this.#listHeaders() });
  }

  #makeBody(value: unknown): Buffer<ArrayBuffer> | undefined {
    if (value === undefined) return undefined;
    if (value === null) return Buffer.alloc(0);
    if (typeof value === 'string') return this.#makeText(value);
    if (Buffer.isBuffer(value) || (this.#like === 'express5' && ArrayBuffer.isView(value))) {
      this.#suggestType('application/octet-stream');
      return Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
    if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
      throw new TypeError(`a ${typeof value} cannot be sent`);
    }
    const text = JSON.stringify(value);
    this.#suggestType('application/json');
    return text === undefined ? undefined : this.#makeText(text);
  }

  #makeText(text: string): Buffer<ArrayBuffer> {
    this.#suggestType('text/html');
    const { type, parameters } = parseContentType(this.#headers.get('content-type')?.[0] ?? '');
    const all = Object.entries({ ...parameters, charset: 'utf-8' });
    if (this.#like === 'express4') all.sort(([left], [right]) => (left < right ? -1 : 1));
    this.#headers.set('content-type', [formatContentType({ type, parameters: Object.fromEntries(all) })]);
    return Buffer.from(text, 'utf8');
  }

  #suggestType(type: string): void {
    if (!this.#headers.get('content-type')?.[0]) this.#headers.set('content-type', [type]);
  }

  /** Whether the caller has this very answer already. */
  #isFresh(status: number): boolean {
    const { method, headers } = this.#received;
    if (!/^(GET|HEAD)$/.test(method) || !((status >= 200 && status < 300) || status === 304)) return false;
    const own = { etag: this.#headers.get('etag')?.[0], 'last-modified': this.#headers.get('last-modified')?.[0] };
    return isFresh(headers, own);
  }

  #listHeaders(): [name: string, value: string][] {
    return [...this.#headers].flatMap(([name, texts]) => texts.map((text): [string, string] => [name, text]));
  }
}

/** `'404'` and 404.5 are 404, as in Express 4. */
function readStatus(status: unknown): number {
  const code = Math.trunc(Number(status));
  if (code >= 200 && code <= 599) return code;
  throw new RangeError(`Invalid status code: ${String(status)}`);
}

/** Types that are text have a charset, also where the body is bytes. */
function addCharset(type: string): string {
  const isText = /^(text\/|application\/(json|javascript)\s*(;|$))/i.test(type);
  return isText && !/;\s*charset\s*=/i.test(type) ? `${type}; charset=utf-8` : type;
}
