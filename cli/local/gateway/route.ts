import type { Reply } from '../dialect/dialect.ts';

/** One path of the gateway's API. `path` has `:name` parts; `answer` gets their values (decoded) and the request. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly answer: (request: Request, parts: Readonly<Record<string, string>>) => Promise<Response> | Response;
}

/** Answers with a dialect's status, text and headers. */
export function sendText({ status, body, headers }: Reply): Response {
  if (body === '') return new Response(null, { status, headers: { 'Content-Length': '0', ...headers } });
  return new Response(body, { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers } });
}

/** One parameter of a request's query, `undefined` if it is not there. */
export function queryOf(request: Request, name: string): string | undefined {
  return new URL(request.url).searchParams.get(name) ?? undefined;
}
