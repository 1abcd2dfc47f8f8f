import type { Socket } from 'node:net';
import { Call, currentCall } from './call.ts';
import { CallContext } from './call-context.ts';
import type { Handler } from './handler.ts';
import { answerHealth } from './health.ts';
import type { Answer, Incoming } from './http-messages.ts';
import { askForBody, limitTime, refuseAtOnce, refuseHead } from './limits.ts';
import { makeRequests } from './make-request.ts';
import type { Replica } from './replica.ts';
import { openWebSocket } from './websocket.ts';
import { cancelResponse, learnKnownResponses, writeResponse } from './write-response.ts';

/** Answers `/_/health` and `/_/ready` without any of the user's code, and hands every other request to the handler. */
export function answerRequests(
  replica: Replica,
  isForwarded: (incoming: Incoming) => boolean,
): (incoming: Incoming, answer: Answer) => void {
  const serveRequest = makeRequests(
    (request) => {
      const call = currentCall.getStore();
      if (call !== undefined) serve(replica, call, request);
    },
    () => currentCall.getStore()?.refuse(400, 'this is no request that can be served'),
  );
  // One function for all answers, not one for each.
  const finish = function (this: Answer): void {
    const { call } = this;
    if (call === undefined) return;
    if (!this.writableFinished) call.abort(new DOMException('the caller has gone', 'AbortError'));
    else if (!call.incoming.complete) call.incoming.discard(new Error('the call has been answered'));
    replica.end(call);
  };
  learnKnownResponses();
  return (incoming, answer) => {
    const call = new Call(incoming, answer);
    answer.call = call;
    answer.identity = replica.identity;
    answer.isLast ||= replica.phase === 'draining' || isForwarded(incoming);
    if (refuseHead(call) || answerHealth(replica, call)) return;
    if (refuseAtOnce(replica, call)) {
      replica.refused(call);
      return;
    }
    replica.begin(call);
    answer.on('close', finish);
    if (answer.socket === null) closeWithConnection(answer, incoming.socket);
    limitTime(replica, call);
    askForBody(call);
    currentCall.run(call, serveRequest, incoming);
  };
}

const queues = new WeakMap<Socket, Set<Answer>>();

/** For answers that wait for earlier ones on their connection: Node does not tell those when it closes. */
function closeWithConnection(answer: Answer, connection: Socket): void {
  const queue = queues.get(connection) ?? new Set();
  if (!queues.has(connection)) {
    queues.set(connection, queue);
    connection.once('close', () => {
      for (const waiting of queue) waiting.destroy().emit('close');
    });
  }
  queue.add(answer);
  answer.once('close', () => queue.delete(answer));
}

function serve(replica: Replica, call: Call, request: Request): void {
  call.request = request;
  const { handler } = replica;
  if (handler !== undefined) {
    run(replica, call, request, handler);
    return;
  }
  void replica.waitForHandler().then((loaded) => {
    if (loaded === undefined) call.refuse(503, 'the function is still starting');
    else run(replica, call, request, loaded);
  });
}

/** Runs the handler. As few promises as can be: each costs every call a little. */
function run(replica: Replica, call: Call, request: Request, handler: Handler): void {
  const fail = (error: unknown): void => failCall(replica, call, error);
  const accept = (value: unknown): void => {
    try {
      acceptResponse(replica, call, value)?.catch(fail);
    } catch (error) {
      fail(error);
    }
  };
  try {
    const returned = handler(request, new CallContext(call, replica.log, replica.settings.secretFolder));
    if (returned instanceof Promise) returned.then(accept, fail);
    else if (isThenable(returned)) Promise.resolve(returned).then(accept, fail);
    else accept(returned);
  } catch (error) {
    fail(error);
  }
}

function acceptResponse(replica: Replica, call: Call, value: unknown): Promise<void> | undefined {
  if (call.refused || call.answer.destroyed) {
    replica.log.debug('answered too late', { call });
    if (isResponse(value)) cancelResponse(value);
    return undefined;
  }
  const response = requireResponse(value);
  const { upgradable } = call.incoming;
  if (upgradable?.asked === undefined || !response.ok) return writeResponse(call, response) ?? undefined;
  openWebSocket(call, upgradable, upgradable.asked);
  return undefined;
}

function failCall({ log }: Replica, call: Call, error: unknown): void {
  if (call.refused || (call.answer.destroyed && call.signal.aborted)) {
    // Nobody is left to be told, and a handler whose signal is aborted fails as it should.
    log.debug('failed after its end', { call, error });
    return;
  }
  log.error('failed', { call, error });
  call.refuse(500, 'the function failed; its log says why');
}

/** `instanceof` would refuse a Response that came from `fetch` or from another copy of the class. */
function requireResponse(value: unknown): Response {
  if (isResponse(value)) return value;
  throw new TypeError(`the handler returned ${value === null ? 'null' : typeof value}, not a Response`);
}

function isResponse(value: unknown): value is Response {
  return typeof value === 'object' && value !== null && 'headers' in value && 'status' in value && 'body' in value;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
