import type { RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { makeContext } from './context.ts';
import { dropForeignIdentity, identify } from './identity.ts';
import { describeThrown, writeLine } from './log.ts';
import type { Replica } from './replica.ts';
import type { Settings } from './settings.ts';

/** How long a call that comes before the handler is loaded waits for it, in milliseconds. */
const loadingLimit = 10_000;

/** Answers `/_/health` and `/_/ready` without any of the user's code, and hands every other request to the handler. */
export function answerRequests(settings: Settings, replica: Replica): RequestListener {
  const callHandler = getRequestListener(async (request, { incoming, outgoing }) => {
    const callId = String(outgoing.getHeader('X-Call-Id'));
    try {
      const handler = await replica.waitForHandler(loadingLimit);
      if (handler === undefined) return new Response('The function is still starting.\n', { status: 503 });
      const response = await handler(request, makeContext(request, callId, settings.secretFolder));
      return dropForeignIdentity(requireResponse(response));
    } catch (thrown) {
      writeLine(`call ${callId} failed: ${incoming.method} ${incoming.url}: ${describeThrown(thrown)}`);
      return new Response(`The function failed; its log says why, under call ${callId}.\n`, { status: 500 });
    }
  });
  return (incoming, outgoing) => {
    outgoing.once('close', replica.begin());
    const identity = identify(settings, incoming.headers['x-call-id']);
    for (const [name, value] of Object.entries(identity)) outgoing.setHeader(name, value);
    if (replica.draining) outgoing.setHeader('Connection', 'close');
    switch (incoming.url?.split('?', 1)[0]) {
      case '/_/health':
        return report(outgoing, replica.loaded ? undefined : 'the handler is still being loaded');
      case '/_/ready':
        if (replica.draining) return report(outgoing, 'draining: no new calls, please');
        return report(outgoing, replica.loaded ? undefined : 'the handler is still being loaded');
      default:
        void callHandler(incoming, outgoing);
    }
  };
}

/** 200, or 503 with the reason why not. */
function report(outgoing: ServerResponse, problem: string | undefined): void {
  outgoing.writeHead(problem === undefined ? 200 : 503, {
    'Content-Type': 'text/plain; charset=utf-8',
    // It is about this replica and this moment: a copy kept on the way would prove nothing.
    'Cache-Control': 'no-store',
  });
  outgoing.end(`${problem ?? 'OK'}\n`);
}

/** `instanceof` would refuse a Response that came from `fetch` or from another copy of the class. */
function requireResponse(value: unknown): Response {
  if (isResponse(value)) return value;
  throw new TypeError(`the handler returned ${value === null ? 'null' : typeof value}, not a Response`);
}

function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && 'headers' in value && 'status' in value && 'body' in value;
}
