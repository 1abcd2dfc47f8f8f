import { randomUUID } from 'node:crypto';
import { type ClientRequest, type IncomingMessage, METHODS, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Dialect, httpError, type Reply } from '../dialect/dialect.ts';
import type { CallActivity, CallEnding } from './activity.ts';
import {
  type Caller,
  hasBody,
  headersForCaller,
  headersForReplica,
  single,
  trailerPairs,
} from './forwarded-headers.ts';
import type { Front } from './front.ts';
import { type FunctionTarget, parseFunctionPath, pathOf } from './function-path.ts';
import { explainNoConnection, sendReply } from './gateway-reply.ts';
import type { ReplicaConnections } from './replica-connections.ts';
import { AnswerTimeout, askReplica, nothing } from './replica-request.ts';
import { answerOver, joinSockets } from './tunnel.ts';
import { isBrowser } from './visitor.ts';

/** What the proxy of functions needs. */
export interface ProxyOptions {
  readonly dialect: Dialect;
  readonly connections: ReplicaConnections;
  readonly activity: CallActivity;
  /** How long a function may be silent, in milliseconds: before its first byte and between two later ones. */
  readonly answerBound: number;
  /** Aborts when the gateway closes: only to tell the calls that this ended. */
  readonly closing: AbortSignal;
}

/** Another protocol that a client asks for: its connection, and what came over it after the request. */
interface Upgrade {
  readonly protocol: string;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/**
 * Makes the front of `/function/…`: any method, both bodies streamed with back-pressure, trailers, `Expect: 100-continue` answered by the function
 * itself, and any upgrade (WebSocket) as a tunnel. A client that goes away ends the function's request; a function that breaks off ends the
 * client's answer. Nothing is sent twice.
 */
export function createFunctionProxy(options: ProxyOptions): Front {
  return {
    request: (incoming, outgoing) => void new Call(options, incoming, outgoing, undefined).pass(),
    upgrade: (incoming, socket, head) => {
      const outgoing = answerOver(incoming, socket);
      const protocol = single(incoming.headers.upgrade) ?? '';
      void new Call(options, incoming, outgoing, { protocol, socket, head }).pass();
    },
  };
}

/** Methods that are taken to bring a body (by node:http: all but those that usually bring none). */
const bodied = new Set(METHODS.filter((method) => !/^(?:GET|HEAD|DELETE|OPTIONS|TRACE|CONNECT)$/.test(method)));

/** One call on its way through the gateway. */
class Call {
  readonly #options: ProxyOptions;
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  readonly #upgrade: Upgrade | undefined;
  readonly #began = performance.now();
  readonly #caller: Caller;
  #replica: string | undefined;
  #requestBytes = 0;
  #answerBytes = 0;
  /** Why the answer broke off, if it was not the client. */
  #failure: CallEnding | undefined;
  #answered = false;
  #tunnelled = false;

  constructor(
    options: ProxyOptions,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    upgrade: Upgrade | undefined,
  ) {
    this.#options = options;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#upgrade = upgrade;
    // A client that leaves is noticed by the end of its connection.
    outgoing.on('error', () => undefined);
    this.#caller = {
      callId: single(incoming.headers['x-call-id']) ?? randomUUID(),
      startTime: `${BigInt(Date.now()) * 1_000_000n}`,
      client: incoming.socket.remoteAddress ?? '',
    };
  }

  async pass(): Promise<void> {
    const { dialect, connections } = this.#options;
    const asked = parseFunctionPath(this.#incoming.url ?? '');
    if (asked === undefined) return this.#reply(httpError(404, '404 page not found'));
    const ours = asked.namespace === undefined || asked.namespace === dialect.namespace;
    this.#announce(asked, ours && connections.knows(asked.name));
    const coding = this.#incoming.headers['transfer-encoding'];
    if (coding !== undefined && coding.toLowerCase() !== 'chunked')
      return this.#reply(httpError(501, `transfer coding ${coding} is not understood here`));

    const connection = ours ? await connections.connect(asked.name) : 'not ready';
    if (typeof connection === 'string') return this.#reply(explainNoConnection(dialect, asked, connection));
    // The client may have left meanwhile.
    if (this.#outgoing.destroyed) return void connection.socket.destroy();
    this.#replica = connection.address;
    let replica: ClientRequest;
    try {
      replica = askReplica(connection, {
        method: this.#incoming.method ?? 'GET',
        target: asked.target,
        headers: this.#headersFor(new URL(connection.address).host),
        bound: this.#options.answerBound,
      });
    } catch {
      connection.socket.destroy();
      return this.#reply(httpError(400, '400 Bad Request'));
    }
    this.#listen(asked, replica);
    this.#sendBody(replica);
  }

  #headersFor(replica: string): string[] {
    const { headers, method = '' } = this.#incoming;
    const passed = headersForReplica(this.#incoming, this.#caller, replica, this.#upgrade?.protocol);
    // Node would make a body of unknown length of no body.
    const noLength = headers['transfer-encoding'] === undefined && headers['content-length'] === undefined;
    return noLength && bodied.has(method) ? [...passed, 'Content-Length', '0'] : passed;
  }

  #announce({ name, target }: FunctionTarget, known: boolean): void {
    const finish = this.#options.activity.start({
      id: this.#caller.callId,
      function: name,
      known,
      method: this.#incoming.method ?? 'GET',
      path: pathOf(target),
      asynchronous: false,
    });
    this.#outgoing.once('close', () => {
      const gone = this.#options.closing.aborted ? 'gateway closed' : this.#tunnelled ? 'answered' : 'client left';
      finish({
        status: this.#tunnelled ? 101 : this.#outgoing.headersSent ? this.#outgoing.statusCode : 499,
        ending: this.#failure ?? (this.#outgoing.writableFinished ? 'answered' : gone),
        requestBytes: this.#requestBytes,
        answerBytes: this.#answerBytes,
        replica: this.#replica,
      });
    });
  }

  #listen(asked: FunctionTarget, replica: ClientRequest): void {
    replica.on('continue', () => {
      if (!this.#outgoing.headersSent) this.#outgoing.writeContinue();
    });
    replica.on('response', (answer) => this.#passAnswer(answer, asked, replica));
    replica.on('upgrade', (answer, socket, head) => this.#openTunnel(answer, socket, head));
    replica.on('error', (error) => {
      // An answer that has begun tells by itself whether it broke off: the function need not have read all of the body.
      if (!this.#answered) this.#fail(error, asked);
    });
    // What is neither an answer nor an error, such as another protocol that nobody asked for.
    replica.on('close', () => {
      if (!this.#answered) this.#fail(new Error('closed'), asked);
    });
    this.#outgoing.once('close', () => {
      if (!this.#outgoing.writableFinished && !this.#tunnelled) replica.destroy();
    });
  }

  /** A function may answer before it has read it all, so its closing is no error here. */
  #sendBody(replica: ClientRequest): void {
    const incoming = this.#incoming;
    if (this.#upgrade !== undefined || !hasBody(incoming.headers)) {
      incoming.resume();
      return void replica.end();
    }
    replica.write(nothing);
    incoming.on('error', () => replica.destroy());
    incoming.on('data', (chunk: Buffer) => {
      this.#requestBytes += chunk.length;
    });
    incoming.pipe(replica, { end: false });
    // The rest of a body that the function did not want: a client may read the answer only once all of it is sent.
    replica.once('close', () => {
      incoming.unpipe(replica);
      incoming.resume();
    });
    incoming.once('end', () => {
      if (incoming.rawTrailers.length > 0) replica.addTrailers(trailerPairs(incoming.rawTrailers));
      replica.end();
    });
  }

  #passAnswer(answer: IncomingMessage, asked: FunctionTarget, replica: ClientRequest): void {
    this.#answered = true;
    const outgoing = this.#outgoing;
    const status = answer.statusCode ?? 502;
    const chunked =
      answer.headers['transfer-encoding'] !== undefined &&
      this.#incoming.httpVersion === '1.1' &&
      this.#incoming.method !== 'HEAD' &&
      status !== 204 &&
      status !== 304;
    const seconds = (performance.now() - this.#began) / 1000;
    const facts = { ...this.#caller, seconds, browser: isBrowser(this.#incoming) };
    try {
      outgoing.writeHead(status, answer.statusMessage ?? '', headersForCaller(answer, facts, chunked));
    } catch {
      // It says something that no server may say.
      replica.destroy();
      this.#failure = 'function broke off';
      this.#reply(this.#options.dialect.unreachable(asked.written));
      return;
    }
    answer.on('data', (chunk: Buffer) => {
      this.#answerBytes += chunk.length;
    });
    // The head goes with the first bytes of the body, and by itself if there are none yet.
    setImmediate(() => {
      if (this.#answerBytes === 0 && !outgoing.writableEnded && !outgoing.destroyed) outgoing.write(nothing);
    });
    answer.pipe(outgoing, { end: false });
    answer.once('end', () => {
      if (chunked && answer.rawTrailers.length > 0) outgoing.addTrailers(trailerPairs(answer.rawTrailers));
      outgoing.end();
    });
    // There is nobody left to tell but the client, and the only word left is the end.
    answer.once('error', (error) => this.#fail(error, asked));
  }

  #fail(error: Error, asked: FunctionTarget): void {
    if (this.#outgoing.writableEnded || this.#outgoing.destroyed) return;
    const late = error instanceof AnswerTimeout;
    this.#failure = late ? 'timed out' : 'function broke off';
    if (this.#outgoing.headersSent) return void this.#outgoing.destroy();
    this.#reply(late ? this.#lateReply(asked) : this.#options.dialect.unreachable(asked.written));
  }

  /** Who was late: the function, or the client with its own body. */
  #lateReply({ written }: FunctionTarget): Reply {
    const seconds = this.#options.answerBound / 1000;
    if (!this.#incoming.complete && this.#upgrade === undefined)
      return { status: 408, body: `the request's body stopped coming for ${seconds} s.` };
    const headers = { 'X-Openfaas-Internal': 'proxy' };
    return { status: 504, body: `${written} did not answer within ${seconds} s.`, headers };
  }

  #reply(reply: Reply): void {
    const { callId, startTime } = this.#caller;
    const signature = reply.signed === true ? { 'X-Call-Id': callId, 'X-Start-Time': startTime } : {};
    sendReply(this.#incoming, this.#outgoing, reply, signature);
  }

  /** The replica takes the other protocol: its answer goes out as it is, and from then on bytes go both ways. */
  #openTunnel(answer: IncomingMessage, far: Socket, farHead: Buffer): void {
    const upgrade = this.#upgrade;
    if (upgrade === undefined) return void far.destroy();
    [this.#answered, this.#tunnelled] = [true, true];
    // From here on silence is no fault.
    far.setTimeout(0);
    const lines = [`HTTP/1.1 101 ${answer.statusMessage ?? ''}`];
    for (const [name, value] of trailerPairs(answer.rawHeaders)) lines.push(`${name}: ${value}`);
    upgrade.socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
    joinSockets({ socket: upgrade.socket, head: upgrade.head }, { socket: far, head: farHead }, (there, back) => {
      this.#requestBytes += there;
      this.#answerBytes += back;
    });
  }
}
