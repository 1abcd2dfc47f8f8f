import { parse as parseSimpleQuery } from 'node:querystring';
import { parse as parseQuery } from 'qs';
import { parseBody } from './parse-body.ts';
import type { EventSettings } from './settings.ts';

/** What a handler of the official templates gets as its first argument. */
export class FunctionEvent {
  body: unknown;
  headers: Record<string, string>;
  method: string;
  query: unknown;
  path: string;

  constructor(request: Request, headers: Record<string, string>, body: unknown, like: EventSettings['like']) {
    // `new URL` would tidy up the path.
    const [, path = '/', query = ''] = /^[^/]+\/\/[^/?]*([^?]*)\??(.*)$/s.exec(request.url) ?? [];
    this.body = body;
    this.headers = headers;
    this.method = request.method;
    this.query =
      like === 'express4' ? parseQuery(query, { allowPrototypes: true, arrayLimit: 1000 }) : parseSimpleQuery(query);
    this.path = path;
  }
}

/** Reads a request to its end. A body without a type is text. Throws Refused for a body that the template would refuse. */
export async function readEvent(request: Request, settings: EventSettings): Promise<FunctionEvent> {
  const headers: Record<string, string> = {};
  for (const [name, value] of request.headers) headers[name] = value;
  headers['content-type'] ||= 'text/plain';
  const body = await parseBody(request, headers['content-type'], settings);
  return new FunctionEvent(request, headers, body, settings.like);
}
