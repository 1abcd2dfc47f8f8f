import type * as v from 'valibot';
import type { CallActivity } from '../gateway/activity.ts';
import type { LocalCredentials } from '../gateway/basic-auth.ts';
import { decodeJson } from '../gateway/json-body.ts';
import type { Provider } from '../replicas/provider.ts';
import { Assets, assetTypes, guardingHeaders } from './assets.ts';
import { openEventStream } from './event-stream.ts';
import { viewFunction } from './function-view.ts';
import { FunctionWatch } from './function-watch.ts';
import { readSizes } from './image-sizes.ts';
import { invoke } from './invoke.ts';
import { type FunctionView, type Hello, invokeRequestSchema, scaleSchema, sessionRequestSchema } from './messages.ts';
import { Refusal, sendJson } from './refusal.ts';
import { Sessions } from './sessions.ts';
import { changeThroughSystem } from './system-call.ts';

/** What the page at /ui/ is made of. */
export interface PageParts {
  readonly provider: Pick<Provider, 'list' | 'find' | 'logs' | 'limitations'>;
  readonly activity: CallActivity;
  readonly credentials: LocalCredentials;
  /** The gateway's own base URL on loopback, without a slash at its end; the page scales, removes, invokes and reads image sizes through it. */
  readonly url: string;
  /** Different with every start of the gateway. */
  readonly run: string;
  readonly version: string;
  /** `faas-netes` or `faasd`. */
  readonly dialect: string;
  /** How many asynchronous calls of a function wait; `undefined` where that is not counted. */
  readonly queued?: ((name: string) => number | undefined) | undefined;
  /** Ends open event streams when the gateway closes. */
  readonly closing: AbortSignal;
  /** Milliseconds between two looks at the functions and between two messages of a kind, while a page is open; people need no less than is usual. */
  readonly rhythm?: number | undefined;
  /** Where the page's files are; by default where scripts/build.mjs puts them. */
  readonly folder?: string | undefined;
}

/** The page: answers everything under /ui (mount it for `/ui` and `/ui/*`, all methods, behind the guard of Host and Origin). */
export interface Page {
  answer(request: Request): Promise<Response>;
  /** A link that lets one browser in, once, within half an hour. As good as the password: print it on a terminal, not into logs. */
  newLink(): string;
}

/** A body of the page's API: the largest is that of a call. */
const largestBody = 8 << 20;

/** Makes the page of a gateway. Nothing runs until somebody looks at it. */
export function createPage(parts: PageParts): Page {
  const { provider, queued, url, credentials, closing } = parts;
  const sessions = new Sessions(credentials);
  const assets = new Assets(parts.folder);
  const views = (): FunctionView[] => provider.list().map((state) => viewFunction(state, queued?.(state.name)));
  const watch = new FunctionWatch(views, parts.rhythm);
  const newLink = (): string => `${url}/ui/#key=${sessions.newKey()}`;
  const hello = (): Hello => ({
    type: 'hello',
    run: parts.run,
    version: parts.version,
    dialect: parts.dialect,
    user: credentials.user,
    limits: [...provider.limitations()],
  });
  const existing = (name: string): FunctionView => {
    const state = provider.find(name);
    if (state === undefined) throw new Refusal(404, `there is no function ${name}`);
    return viewFunction(state, queued?.(name));
  };
  const change = async (request: Request, method: 'POST' | 'DELETE', path: string, body: unknown) => {
    await changeThroughSystem(parts, { method, path, body }, request.signal);
    return sendJson({});
  };

  const routes: readonly Route[] = [
    [
      'GET',
      /^events$/,
      (request) => {
        const logs = new URL(request.url).searchParams.get('logs') ?? undefined;
        return openEventStream({
          hello: hello(),
          watch,
          activity: parts.activity,
          provider,
          logs,
          closing,
          rhythm: parts.rhythm,
        });
      },
    ],
    ['GET', /^functions$/, () => sendJson(views())],
    ['GET', /^functions\/([^/]+)$/, (_, name) => sendJson(existing(name))],
    [
      'DELETE',
      /^functions\/([^/]+)$/,
      (request, name) => change(request, 'DELETE', '/system/functions', { functionName: existing(name).name }),
    ],
    [
      'GET',
      /^functions\/([^/]+)\/sizes$/,
      async (request, name) => sendJson(await readSizes(url, existing(name).image, request.signal)),
    ],
    [
      'POST',
      /^functions\/([^/]+)\/scale$/,
      async (request, name) => {
        const { replicas } = await readBody(request, scaleSchema);
        const service = existing(name).name;
        return change(request, 'POST', `/system/scale-function/${service}`, { serviceName: service, replicas });
      },
    ],
    [
      'POST',
      /^invoke$/,
      async (request) => sendJson(await invoke(url, await readBody(request, invokeRequestSchema), request.signal)),
    ],
    ['POST', /^links$/, () => sendJson({ url: newLink() })],
  ];

  const openSession = async (request: Request): Promise<Response> => {
    const { key } = await readBody(request, sessionRequestSchema);
    if (key === undefined ? !sessions.isAllowed(authorization(request)) : !sessions.redeem(key))
      throw new Refusal(
        401,
        key === undefined ? 'user or password is wrong' : 'this link was used already, or is older than half an hour',
      );
    return sendJson({ token: sessions.newToken() });
  };

  const answerApi = async (request: Request, path: string): Promise<Response> => {
    if (request.method === 'POST' && path === 'session') return await openSession(request);
    // Without WWW-Authenticate: the browser must not ask for the password itself, for it would keep it and send it by itself.
    if (!sessions.isAllowed(authorization(request))) throw new Refusal(401, 'sign in first');
    const fitting = routes.filter(([, pattern]) => pattern.test(path));
    const [, pattern, answer] = fitting.find(([method]) => method === request.method) ?? [];
    if (pattern === undefined || answer === undefined)
      throw fitting.length > 0
        ? new Refusal(405, `not with ${request.method}`)
        : new Refusal(404, 'there is nothing here');
    return await answer(request, decodeName(pattern.exec(path)?.[1] ?? ''));
  };

  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith('/ui/api/'))
      return await answerApi(request, pathname.slice('/ui/api/'.length)).catch((error: unknown) => {
        if (error instanceof Refusal) return sendJson({ problem: error.message }, error.status);
        throw error;
      });
    if (!['GET', 'HEAD'].includes(request.method)) return new Response(null, { status: 405, headers: guardingHeaders });
    if (pathname === '/ui')
      return new Response(null, { status: 308, headers: { ...guardingHeaders, Location: '/ui/' } });
    const name = pathname === '/ui/' ? 'index.html' : pathname.slice('/ui/'.length);
    if (Object.hasOwn(assetTypes, name)) return await assets.answer(name, request);
    return new Response('404 page not found\n', { status: 404, headers: guardingHeaders });
  };
  return { answer, newLink };
}

type Route = readonly [
  method: 'GET' | 'POST' | 'DELETE',
  path: RegExp,
  answer: (request: Request, name: string) => Promise<Response> | Response,
];

function authorization(request: Request): string | undefined {
  return request.headers.get('authorization') ?? undefined;
}

/** A name out of a path; one that cannot be decoded names no function. */
function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * A small JSON body. Only `application/json` is taken: other pages can send that to us with our consent (CORS) alone, whatever the browser
 * adds to their requests.
 */
async function readBody<T>(request: Request, schema: v.GenericSchema<unknown, T>): Promise<T> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw new Refusal(415, 'the body must be application/json');
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of request.body ?? []) {
    bytes += part.length;
    if (bytes > largestBody) throw new Refusal(413, `the body is larger than ${largestBody >> 20} MiB`);
    parts.push(part);
  }
  const decoded = decodeJson(Buffer.concat(parts).toString('utf8'), schema);
  if (decoded.value === undefined) throw new Refusal(400, decoded.problem);
  return decoded.value;
}
