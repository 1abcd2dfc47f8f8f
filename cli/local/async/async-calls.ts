import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Report } from '../../events.ts';
import { type Dialect, httpError } from '../dialect/dialect.ts';
import type { RequestHandler } from '../gateway/front.ts';
import type { FunctionCaller } from '../gateway/function-call.ts';
import { sendReply } from '../gateway/gateway-reply.ts';
import type { Provider } from '../replicas/provider.ts';
import type { CallRecords } from '../state/call-records.ts';
import { CallQueue } from './call-queue.ts';
import { postAnswer, shownCallback } from './callback.ts';
import type { AnsweredCall, Delivered, QueueBounds, Tried } from './queue-parts.ts';
import type { QueuedCall } from './queued-call.ts';
import { defaultPolicy, readPolicy, waitBeforeRetry } from './retry-policy.ts';
import { takeCall } from './take-call.ts';

/** What the queue behind `/async-function/` needs. */
export interface AsyncParts {
  readonly records: CallRecords;
  readonly provider: Pick<Provider, 'find'>;
  readonly dialect: Dialect;
  readonly callFunction: FunctionCaller;
  /** Whether who asks may name a callback: it makes this machine call an address of theirs. */
  readonly mayCallBack: (incoming: IncomingMessage) => boolean;
  readonly report: Report;
  readonly bounds?: Partial<QueueBounds> | undefined;
  /** Milliseconds before the second post to a callback; default 1000. */
  readonly callbackWait?: number | undefined;
}

/** How much is waiting, for `local status`, /metrics and the page. */
export interface QueueDepth {
  /** Accepted calls whose function has not given its last word, those under way included. */
  readonly waiting: number;
  /** Of those: under way now. */
  readonly running: number;
  /** Answered calls whose callback has not taken the answer yet. */
  readonly callbacks: number;
}

/** The queue behind `/async-function/`. */
export interface AsyncCalls {
  /** Takes `POST /async-function/NAME[/path]`: 202 once the call is on the disk. Never throws. */
  readonly request: RequestHandler;
  /** Queues a call of this machine's own: POST without a body. Throws BAN-E626. */
  enqueue(name: string, callId: string): Promise<'accepted' | 'full' | 'closed'>;
  /** What waits, of all functions. */
  depth(): QueueDepth;
  /** How many calls of one function (its plain name) wait or are under way. */
  queued(name: string): number;
  /** Opens the queue, and begins with what an earlier gateway left; answers how many calls these are. Until then calls get 503. */
  resume(): Promise<number>;
  /** Takes no more calls (503), begins no more tries, and waits so many milliseconds for those under way. What is left is done by the next gateway. */
  drain(milliseconds: number): Promise<void>;
}

const defaultBounds: QueueBounds = {
  calls: 10_000,
  bytes: 256 << 20,
  workers: 8,
  callbacks: 16,
  diskPause: 2000,
};
/** Posts to one callback, the first included. */
const mostPosts = 5;

/** Makes the queue. It begins with {@link AsyncCalls.resume}. */
export function openAsyncCalls(parts: AsyncParts): AsyncCalls {
  const { records, provider, dialect, callFunction, report, callbackWait = 1000 } = parts;

  const attempt = async (call: QueuedCall, body: Uint8Array, signal: AbortSignal): Promise<Tried> => {
    const { id: callId, function: name, method, target, headers } = call;
    const answered = await callFunction({ name, method, target, headers, body, callId }, signal);
    const { status, from } = answered;
    const policy = readPolicy(provider.find(name)?.deployment.annotations);
    const retryAfter = waitBeforeRetry(
      policy,
      { status, from, retryAfter: headerOf(answered.headers, 'retry-after') },
      call.attempts,
      Date.now(),
    );
    const title = `asynchronous call ${shown(callId)}`;
    if (retryAfter !== undefined)
      report({
        type: 'trace',
        about: name,
        text: `${title}: ${status} from the ${from}, again in ${retryAfter / 1000} s`,
      });
    else if (from === 'gateway' || policy.codes.has(status))
      report({
        type: 'warning',
        about: name,
        text: `${title} was given up after ${tries(call.attempts)}: ${status} from the ${from}`,
      });
    const cut = answered.truncated && call.callback !== undefined;
    if (cut)
      report({
        type: 'warning',
        about: name,
        text: `${title}: the answer is too large for a callback, which gets none of it`,
      });
    return {
      answer: {
        status,
        headers: cut ? ['X-Bantam-Truncated', 'true'] : [...answered.headers],
        duration: answered.milliseconds / 1000,
      },
      result: cut ? Buffer.alloc(0) : answered.body,
      retryAfter,
    };
  };

  const deliver = async (
    call: AnsweredCall,
    answer: Parameters<typeof postAnswer>[1],
    posts: number,
    signal: AbortSignal,
  ): Promise<Delivered> => {
    const posted = await postAnswer(call, answer, signal);
    signal.throwIfAborted();
    const problem =
      'problem' in posted ? posted.problem : isRefusal(posted.status) ? `status ${posted.status}` : undefined;
    if (problem === undefined) return { done: true };
    const about = call.function;
    const text = `the callback ${shownCallback(call.callback)} of asynchronous call ${shown(call.id)}`;
    if (posts >= mostPosts) {
      report({ type: 'warning', about, text: `${text} was given up after ${tries(posts)}: ${problem}` });
      return { done: true };
    }
    report({ type: 'trace', about, text: `${text}: ${problem}` });
    return { retryAfter: callbackWait * 2 ** (posts - 1) };
  };

  const queue = new CallQueue({
    records,
    attempt,
    deliver,
    failed: (error) =>
      report({ type: 'warning', text: `the queue waits: ${error instanceof Error ? error.message : String(error)}` }),
    bounds: { ...defaultBounds, ...parts.bounds },
  });

  const take = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const taken = await takeCall(incoming, dialect, parts.mayCallBack(incoming));
    if ('refusal' in taken) return void sendReply(incoming, outgoing, taken.refusal);
    const { call, body, startTime } = taken;
    const accepted = await queue.accept(call, body);
    if (accepted === 'closed')
      return void sendReply(incoming, outgoing, httpError(503, 'the local gateway starts or stops just now'));
    if (accepted === 'full') {
      const { waiting } = queue.waiting();
      const reply = httpError(429, `the queue is full: ${waiting} asynchronous calls wait for their functions`);
      return void sendReply(incoming, outgoing, reply, { 'Retry-After': '5' });
    }
    const headers = {
      'X-Call-Id': call.id,
      ...(call.callback === undefined ? {} : { 'X-Callback-Url': call.callback }),
      'X-Start-Time': startTime,
    };
    sendReply(incoming, outgoing, { status: 202, body: '' }, headers);
  };

  return {
    request: (incoming, outgoing) =>
      void take(incoming, outgoing).catch((error: unknown) => {
        // A client that left hears nothing; one whose call could not be kept must not believe that it was.
        const reason = error instanceof Error ? error.message : String(error);
        if (!incoming.destroyed || incoming.complete)
          sendReply(incoming, outgoing, httpError(503, `the call could not be kept: ${reason}`));
      }),
    async enqueue(name, id) {
      const now = Date.now();
      const call = { id, function: name, method: 'POST', target: '/', headers: [], acceptedAt: now, dueAt: now };
      return await queue.accept(call, new Uint8Array());
    },
    depth: () => ({ ...queue.waiting(), callbacks: queue.undelivered }),
    queued: (name) => queue.waiting(name).waiting,
    async resume() {
      const { calls, unreadable } = await records.list();
      if (unreadable > 0)
        report({
          type: 'warning',
          text: `${unreadable} asynchronous call(s) of an earlier version of bantam cannot be read`,
        });
      queue.resume(calls, Date.now(), defaultPolicy.longestWait);
      return calls.length;
    },
    drain: async (milliseconds) => await queue.drain(milliseconds),
  };
}

/** What may be taken later; a callback that says anything else has spoken. */
function isRefusal(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}

function tries(count: number): string {
  return count === 1 ? 'one try' : `${count} tries`;
}

/** A client's own id may be anything. */
function shown(id: string): string {
  return id.replace(/[^\x21-\x7e]/g, '?').slice(0, 64);
}

function headerOf(raw: readonly string[], wanted: string): string | undefined {
  const at = raw.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === wanted);
  return at < 0 ? undefined : raw[at + 1];
}
