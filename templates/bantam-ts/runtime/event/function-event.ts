import type { IncomingHttpHeaders } from 'node:http';
import { parse as parseSimpleQuery } from 'node:querystring';
import { parse as parseQuery } from 'qs';
import { parseBody } from './parse-body.ts';
import type { Received } from './received.ts';
import type { EventSettings } from './settings.ts';

/** What a handler of the official templates gets as its first argument. */
export class FunctionEvent {
  body: unknown;
  headers: IncomingHttpHeaders;
  method: string;
  query: unknown;
  path: string;

  constructor({ method, target, headers }: Received, body: unknown, like: EventSettings['like']) {
    // `new URL` would tidy up the path. A target may name a scheme and a host, and nothing tells of a fragment.
    const [, path, query = ''] = /^(?:[^/?#]+\/\/[^/?#]*)?([^?#]*)\??([^#]*)/.exec(target) ?? [];
    this.body = body;
    this.headers = headers;
    this.method = method;
    this.query =
      like === 'express4' ? parseQuery(query, { allowPrototypes: true, arrayLimit: 1000 }) : parseSimpleQuery(query);
    this.path = path || '/';
  }
}

/** Reads a request to its end. A body without a type is text. Throws Refused for a body that the template would refuse. */
export async function readEvent(received: Received, settings: EventSettings): Promise<FunctionEvent> {
  received.headers['content-type'] ||= 'text/plain';
  return new FunctionEvent(received, await parseBody(received, settings), settings.like);
}
