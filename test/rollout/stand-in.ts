import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import { functionDeploymentSchema } from '../../cli/openfaas/wire.ts';
import { portOf } from '../openfaas/scripted-gateway.ts';

/** The body of a create or update as the far side decodes it. */
export type Received = v.InferOutput<typeof functionDeploymentSchema>;

/** What the far side shows as status. */
export type Shown = Record<string, unknown> | undefined;

type Respond = (response: ServerResponse, request: IncomingMessage) => void;

/**
 * The far side of a deployment: a gateway over real HTTP whose lies a test decides. It holds the rules that no deploying client may break:
 * no call of the function while a change is under way, no call of a handler, no unknown request. `close` fails on a breach.
 */
export interface StandIn {
  readonly url: string;
  /** Every request, in order: `PUT`, `POST`, `read`, `ready`, `secrets`, `logs`, or a path. */
  readonly trail: readonly string[];
  /** Bodies of creates and updates. */
  readonly sent: readonly Received[];
  shown: Shown;
  /** How a create or update is answered; may change `shown`. */
  change: (
    sent: Received,
    method: string,
    respond: (status: number, body?: string) => void,
    response: ServerResponse,
  ) => void;
  /** How the `number`-th call (from 0) of `/_/ready` is answered. */
  ready: (number: number) => Respond;
  read: (number: number) => Respond | undefined;
  secrets: Respond;
  logs: Respond;
  /** A path of the handler that may be called. */
  openPath: { readonly path: string; readonly respond: Respond } | undefined;
  count(kind: string): number;
  close(): Promise<void>;
}

/** A replica's answer to `/_/ready`. */
export function answering(deploy: string, replica = 'pod-1', status = 200): Respond {
  return (response) =>
    response
      .writeHead(status, { 'x-bantam-revision': 'r', 'x-bantam-deploy': deploy, 'x-bantam-replica': replica })
      .end('ok');
}

/** A plain answer. */
export function saying(status: number, body = '', headers: Record<string, string> = {}): Respond {
  return (response) => void response.writeHead(status, headers).end(body);
}

/** What a faas-netes shows of a deployment it has taken. */
export function showing(
  sent: Received,
  numbers: Record<string, number> = { replicas: 1, availableReplicas: 1 },
): Shown {
  return { name: sent.service, image: sent.image, annotations: sent.annotations, labels: sent.labels, ...numbers };
}

/** Starts one that behaves like a good faas-netes with one replica that answers at once. */
export async function startStandIn(): Promise<StandIn> {
  const trail: string[] = [];
  const sent: Received[] = [];
  const breaches: string[] = [];
  let changing = 0;
  let probes = 0;
  let reads = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => route(request, response, Buffer.concat(chunks).toString()));
  });
  function route(request: IncomingMessage, response: ServerResponse, body: string): void {
    const path = (request.url ?? '').replace(/\?.*/, '');
    if (path.startsWith('/function/') && changing > 0)
      breaches.push('the function was called while a change was under way');
    if (path === '/system/functions' && (request.method === 'PUT' || request.method === 'POST')) {
      trail.push(request.method);
      const received = v.parse(functionDeploymentSchema, JSON.parse(body));
      sent.push(received);
      changing++;
      response.on('close', () => changing--);
      standIn.change(received, request.method, (status, text) => void response.writeHead(status).end(text), response);
    } else {
      responder(request, path)(response, request);
    }
  }
  function responder(request: IncomingMessage, path: string): Respond {
    const note = (kind: string, respond: Respond): Respond => {
      trail.push(kind);
      return respond;
    };
    if (request.method === 'GET') {
      if (path.startsWith('/system/function/')) return note('read', standIn.read(reads++) ?? status());
      if (path === '/system/secrets') return note('secrets', standIn.secrets);
      if (path === '/system/logs') return note('logs', standIn.logs);
      if (/^\/function\/[^/]+\/_\/ready$/.test(path)) return note('ready', standIn.ready(probes++));
      const open = standIn.openPath;
      if (open !== undefined && path.endsWith(open.path)) return note(open.path, open.respond);
    }
    breaches.push(`${request.method} ${request.url}`);
    return saying(599);
  }
  function status(): Respond {
    return standIn.shown === undefined
      ? saying(404)
      : saying(200, JSON.stringify(standIn.shown), { 'content-type': 'application/json' });
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const standIn: StandIn = {
    url: `http://127.0.0.1:${portOf(server)}`,
    trail,
    sent,
    shown: undefined,
    change(received, _method, respond) {
      standIn.shown = showing(received);
      respond(202);
    },
    ready: () => answering(sent.at(-1)?.annotations?.['bantam.deploy'] ?? 'none'),
    read: () => undefined,
    secrets: saying(200, '[]'),
    logs: saying(200),
    openPath: undefined,
    count: (kind) => trail.filter((entry) => entry === kind).length,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      assert.deepEqual(breaches, [], 'rules that were broken');
    },
  };
  return standIn;
}
