import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type Dialect, httpError } from '../dialect/dialect.ts';
import type { Provider } from '../replicas/provider.ts';
import type { SecretStore } from '../state/secret-store.ts';
import { isAuthorized, type LocalCredentials } from './basic-auth.ts';
import { createFunctionProxy } from './function-proxy.ts';
import { functionRoutes } from './function-routes.ts';
import { logRoutes } from './log-routes.ts';
import { type Route, sendText } from './route.ts';
import { secretRoutes } from './secret-routes.ts';

/** What an embedded gateway is made of. */
export interface GatewayParts {
  readonly provider: Provider;
  readonly secrets: SecretStore;
  readonly dialect: Dialect;
  readonly credentials: LocalCredentials;
  /** bantam's own version, for `/system/info`. */
  readonly version: string;
  /** How long a function may take to its first byte, in milliseconds; 60 s as the real gateway's default. */
  readonly answerBound?: number | undefined;
  /** Ends followed logs when the gateway closes. */
  readonly closing: AbortSignal;
}

/** A handler for node:http servers. */
export type RequestHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** Bodies of /system are small (a secret of 1 MiB, each byte written as `\u0001`, is the largest); more is refused with 413. */
const largestBody = 8 << 20;

/**
 * The OpenFaaS gateway's API in front of a provider: /system behind basic auth, /function streamed, /healthz open.
 * What statuses and texts mean is the dialect's.
 */
export function createGateway(parts: GatewayParts): RequestHandler {
  const { provider, dialect, credentials, version, answerBound = 60_000 } = parts;
  const app = new Hono();
  app.use('/system/*', async (context, next) => {
    if (isAuthorized(context.req.header('authorization'), credentials)) return next();
    const headers = { 'WWW-Authenticate': 'Basic realm="Restricted"' };
    return sendText({ status: 401, body: 'invalid credentials', headers });
  });
  app.use(
    '/system/*',
    bodyLimit({ maxSize: largestBody, onError: (context) => context.text('request body too large', 413) }),
  );
  const routes = [...facts(dialect, version), ...functionRoutes(parts), ...secretRoutes(parts), ...logRoutes(parts)];
  for (const { method, path, answer } of routes)
    app.on(method, path, (context) => answer(context.req.raw, context.req.param()));
  for (const path of new Set(routes.map((route) => route.path)))
    app.all(path, () => sendText({ status: 405, body: '' }));
  app.all('/async-function/*', (context) =>
    context.text('asynchronous calls are not there yet in the local gateway: call /function/NAME instead', 501),
  );
  app.notFound(() => sendText(httpError(404, '404 page not found')));
  app.onError((error, context) => context.text(`the local gateway failed: ${error.message}`, 500));

  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const endpoints = (name: string): readonly string[] | undefined =>
    provider.list().some((state) => state.name === name) ? provider.endpoints(name) : undefined;
  const proxy = createFunctionProxy({ dialect, endpoints, answerBound });
  return (incoming, outgoing) => {
    if (/^\/function\//.test(incoming.url ?? '')) proxy(incoming, outgoing);
    else void listener(incoming, outgoing);
  };
}

/** What the gateway says of itself. `arch` is empty, as in the real one. */
function facts(dialect: Dialect, release: string): Route[] {
  const version = { release, sha: '' };
  const provider = { provider: 'bantam-local', orchestration: dialect.orchestration, version };
  return [
    { method: 'GET', path: '/healthz', answer: () => sendText({ status: 200, body: '' }) },
    { method: 'GET', path: '/system/info', answer: () => Response.json({ provider, version, arch: '' }) },
    { method: 'GET', path: '/system/namespaces', answer: () => Response.json([dialect.namespace]) },
  ];
}
