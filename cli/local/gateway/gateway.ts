import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type Dialect, httpError } from '../dialect/dialect.ts';
import type { Provider } from '../replicas/provider.ts';
import type { SecretStore } from '../state/secret-store.ts';
import { CallActivity } from './activity.ts';
import { isAuthorized, type LocalCredentials } from './basic-auth.ts';
import { hasBody } from './forwarded-headers.ts';
import type { Front, RequestHandler } from './front.ts';
import { createFunctionProxy } from './function-proxy.ts';
import { functionRoutes } from './function-routes.ts';
import { sendReply } from './gateway-reply.ts';
import { infoRoutes } from './info-routes.ts';
import { logRoutes } from './log-routes.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { ReplicaConnections } from './replica-connections.ts';
import { type Route, sendText } from './route.ts';
import { ScaleFromZero } from './scale-from-zero.ts';
import { secretRoutes } from './secret-routes.ts';
import { answerOver } from './tunnel.ts';
import { refuseVisitor } from './visitor.ts';

/** What an embedded gateway is made of. */
export interface GatewayParts {
  readonly provider: Provider;
  readonly secrets: SecretStore;
  readonly dialect: Dialect;
  readonly credentials: LocalCredentials;
  /** bantam's own version, for `/system/info`. */
  readonly version: string;
  /** How long a function may be silent, in milliseconds; 60 s as the real gateway's default. */
  readonly answerBound?: number | undefined;
  /** Aborts when the gateway closes: ends followed logs. */
  readonly closing: AbortSignal;
  /** Where calls are announced; one of its own if none is given. */
  readonly activity?: CallActivity | undefined;
  /** The ways to replicas, where something else (a queue) calls functions too; see {@link connectReplicas}. */
  readonly connections?: ReplicaConnections | undefined;
  /** Names besides those of loopback by which clients call this gateway (`Host`), lower case, without port. */
  readonly hosts?: readonly string[] | undefined;
  /** Resolves when all changes of functions so far are on the disk: waited for before a change is answered. Throws BAN-E626. */
  readonly written?: (() => Promise<void>) | undefined;
  /** Further paths, behind the password like all of /system. */
  readonly furtherRoutes?: readonly Route[] | undefined;
  /** Answers `/async-function/…`. */
  readonly asynchronous?: RequestHandler | undefined;
  /** Answers `/v2/…`. */
  readonly registry?: RequestHandler | undefined;
  /** Answers `/ui/…`. */
  readonly page?: { answer(request: Request): Promise<Response> | Response } | undefined;
}

/** Bodies of /system are small (a secret of 1 MiB, each byte written as `\u0001`, is the largest); more is refused with 413. */
const largestBody = 8 << 20;
/** How long a function may be silent, and how long a client may be silent in the middle of its body. */
export const defaultAnswerBound = 60_000;
const bodySilence = 60_000;
/** By these functions in containers know the gateway; no name of the internet is like them. */
const customaryHosts = ['gateway.openfaas', 'gateway'];

/** The ways to a provider's replicas. One for a gateway and its queue together, so that each knows what the other has open. */
export function connectReplicas(
  provider: Pick<Provider, 'find' | 'endpoints' | 'apply'>,
  answerBound = defaultAnswerBound,
): ReplicaConnections {
  const endpoints = (name: string): readonly string[] | undefined => {
    const addresses = provider.endpoints(name);
    return addresses.length > 0 || provider.find(name) !== undefined ? addresses : undefined;
  };
  const scaling = new ScaleFromZero(provider, answerBound);
  return new ReplicaConnections(endpoints, answerBound, (name) => scaling.wake(name));
}

/**
 * The OpenFaaS gateway's API in front of a provider: /system behind basic auth, /function streamed, /healthz and /metrics open.
 * What statuses and texts mean is the dialect's; who may ask at all is decided by {@link refuseVisitor}, before anything else.
 */
export function createGateway(parts: GatewayParts): Front {
  const { provider, dialect, closing, activity = new CallActivity(), answerBound = defaultAnswerBound } = parts;
  const metrics = createMetrics(activity, provider, dialect.namespace);
  const connections = parts.connections ?? connectReplicas(provider, answerBound);
  const proxy = createFunctionProxy({ dialect, connections, activity, answerBound, closing });
  const hosts = new Set([...customaryHosts, ...(parts.hosts ?? [])]);
  const api = getRequestListener(createApi({ ...parts, activity }, metrics).fetch, { overrideGlobalObjects: false });

  const choose = (path: string): RequestHandler => {
    if (path.startsWith('/function/')) return proxy.request;
    if (path.startsWith('/async-function/') && parts.asynchronous !== undefined) return goingOn(parts.asynchronous);
    if (/^\/v2(?:[/?]|$)/.test(path) && parts.registry !== undefined) return goingOn(parts.registry);
    return goingOn((incoming, outgoing) => void api(incoming, outgoing));
  };
  return {
    request: (incoming, outgoing) => {
      const path = incoming.url ?? '';
      count(metrics, incoming, outgoing);
      const refusal = refuseVisitor(incoming, hosts);
      if (refusal !== undefined) sendReply(incoming, outgoing, refusal);
      else choose(path)(incoming, outgoing);
    },
    upgrade: (incoming, socket, head) => {
      const refusal = refuseVisitor(incoming, hosts);
      if (refusal !== undefined) sendReply(incoming, answerOver(incoming, socket), refusal);
      else proxy.upgrade(incoming, socket, head);
    },
  };
}

/** Lets the client send a body that it asks about, and does not wait for ever for the rest of it. */
function goingOn(handler: RequestHandler): RequestHandler {
  return (incoming, outgoing) => {
    const { socket, headers } = incoming;
    if (headers.expect !== undefined) outgoing.writeContinue();
    if (hasBody(headers)) {
      socket.setTimeout(bodySilence);
      // After the answer the time is that of a connection without a request.
      incoming.once('end', () => void (outgoing.writableFinished || socket.setTimeout(0)));
    }
    handler(incoming, outgoing);
  };
}

function createApi(parts: GatewayParts, metrics: Metrics): Hono {
  const { dialect, credentials, version, page } = parts;
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
  app.use('/system/*', async (context, next) => {
    await next();
    if (context.req.method !== 'GET') await parts.written?.();
  });
  const routes = [
    ...infoRoutes(dialect, version),
    ...functionRoutes(parts),
    ...secretRoutes(parts),
    ...logRoutes(parts),
    ...(parts.furtherRoutes ?? []),
  ];
  for (const { method, path, answer } of routes)
    app.on(method, path, (context) => answer(context.req.raw, context.req.param()));
  for (const path of new Set(routes.map((route) => route.path)))
    app.all(path, () => sendText({ status: 405, body: '' }));
  app.get('/metrics', async (context) =>
    context.body(await metrics.read(), 200, { 'Content-Type': metrics.contentType }),
  );
  if (page !== undefined) {
    app.all('/ui', (context) => page.answer(context.req.raw));
    app.all('/ui/*', (context) => page.answer(context.req.raw));
    // As the real gateway does; a link to the page is what people get who open the address alone.
    const link = '<a href="/ui/">Moved Permanently</a>.\n\n';
    app.get('/', (context) =>
      context.body(link, 301, { Location: '/ui/', 'Content-Type': 'text/html; charset=utf-8' }),
    );
  }
  app.notFound(() => sendText(httpError(404, '404 page not found')));
  app.onError((error, context) => context.text(`the local gateway failed: ${error.message}`, 500));
  return app;
}

/** The paths that requests are counted by: as in the real gateway, those of /system and the taking of asynchronous calls. Functions have figures of their own. */
const counted =
  /^\/(?:system\/(?:functions|function|scale-function|secrets|namespaces|info|logs)|async-function)(?=[/?]|$)/;

function count(metrics: Metrics, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const path = counted.exec(incoming.url ?? '')?.[0];
  if (path === undefined) return;
  const began = performance.now();
  outgoing.once('close', () => {
    const status = outgoing.headersSent ? outgoing.statusCode : 499;
    const seconds = (performance.now() - began) / 1000;
    metrics.countRequest({ method: incoming.method ?? 'GET', path, status, seconds });
  });
}
