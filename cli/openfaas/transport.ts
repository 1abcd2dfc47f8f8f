import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { Readable } from 'node:stream';
import { Interrupted, systemCode, UserError } from '../errors.ts';

/** One request to a gateway. */
export interface Outgoing {
  readonly method: string;
  /** Absolute, without user name. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | ReadableStream<Uint8Array> | undefined;
}

/** A head that has come; the body is still to be read. Call `finished` when done with it: it frees socket, timer and listeners. */
export interface Incoming {
  readonly status: number;
  readonly message: IncomingMessage;
  /** The deadline ends here: only the caller's signal still ends the body. */
  unbind(): void;
  finished(): void;
  /** What an error while reading the body means: Interrupted, or BAN-E401. */
  explain(error: unknown): Error;
}

/**
 * Sends one request over a connection of its own (a pooled one that has died meanwhile would look like a lost answer) and follows no redirect.
 * node:http rather than fetch: fetch ends silent bodies after five minutes, refuses GET with a body and some ports.
 * Throws BAN-E401 when no head comes in `milliseconds`, BAN-E403 when the other side speaks no HTTP, Interrupted on abort.
 */
export function send(outgoing: Outgoing, milliseconds: number, signal: AbortSignal | undefined): Promise<Incoming> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new Interrupted());
    let end: Error | undefined;
    const request: ClientRequest = (outgoing.url.startsWith('https:') ? requestSecure : requestPlain)(outgoing.url, {
      method: outgoing.method,
      agent: false,
      headers: {
        'user-agent': 'bantam',
        ...(outgoing.body instanceof Uint8Array ? { 'content-length': String(outgoing.body.byteLength) } : {}),
        ...outgoing.headers,
      },
    });
    const stop = (error: Error): void => {
      end ??= error;
      request.destroy(error);
    };
    const timer = setTimeout(
      () =>
        stop(
          new UserError(
            'BAN-E401',
            `the gateway at ${originOf(outgoing.url)} did not answer ${outgoing.method} ${pathOf(outgoing.url)} within ${milliseconds / 1000} s`,
            { hint: hints.silent },
          ),
        ),
      milliseconds,
    );
    const onAbort = (): void => stop(new Interrupted());
    signal?.addEventListener('abort', onAbort, { once: true });
    const release = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const explain = (error: unknown): Error => end ?? explainConnection(error, outgoing);
    request.on('error', (error) => {
      release();
      reject(explain(error));
    });
    request.on('response', (message) => {
      resolve({
        status: message.statusCode ?? 0,
        message,
        unbind: () => clearTimeout(timer),
        finished: () => {
          release();
          request.destroy();
        },
        explain,
      });
    });
    if (outgoing.body === undefined || outgoing.body instanceof Uint8Array) request.end(outgoing.body);
    else pump(outgoing.body, request, stop);
  });
}

function pump(body: ReadableStream<Uint8Array>, request: ClientRequest, stop: (error: Error) => void): void {
  const source = Readable.fromWeb(body);
  source.on('error', stop);
  request.on('close', () => source.destroy());
  source.pipe(request);
}

/** `http://host:port` of an address, for messages. */
export function originOf(url: string): string {
  return new URL(url).origin;
}

function pathOf(url: string): string {
  return new URL(url).pathname;
}

const hints = {
  silent: 'is the gateway busy, or is the port of something else? try again, or look at the gateway’s own log',
  refused:
    'is the gateway running, and is this its address (--gateway, the target, provider.gateway of the stack file, OPENFAAS_URL)? On Kubernetes: kubectl port-forward -n openfaas svc/gateway 8080:8080. One on this machine: bantam local up',
} as const;

/** Says what a failed connection means, in words and with what to do next. */
function explainConnection(error: unknown, outgoing: Outgoing): Error {
  const cause = error instanceof Error ? error : new Error(String(error));
  const code = systemCode(cause) ?? '';
  const origin = originOf(outgoing.url);
  const failed = (text: string, hint: string): UserError =>
    new UserError('BAN-E401', `the gateway at ${origin} does not answer: ${text}`, { hint, cause });
  if (code === 'ECONNREFUSED') return failed('connection refused', hints.refused);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return failed(
      `the name ${new URL(outgoing.url).hostname} cannot be resolved`,
      'check the spelling, or use the address of a node (http://192.168.…:31112)',
    );
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH' || code === 'ETIMEDOUT')
    return failed('the machine cannot be reached', 'is it switched on and on this network?');
  if (code === 'EPROTO' || code.startsWith('ERR_SSL'))
    return failed('it does not speak TLS', `try ${origin.replace('https:', 'http:')}`);
  if (code.startsWith('HPE_'))
    return new UserError('BAN-E403', `what listens at ${origin} does not speak HTTP`, { hint: hints.refused, cause });
  if (/CERT|SELF_SIGNED|ALTNAME|UNABLE_TO_/.test(code))
    return failed(
      `its certificate is not trusted (${code})`,
      'name the authority’s certificate in NODE_EXTRA_CA_CERTS, and check the clocks of both machines',
    );
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === '') {
    const list = outgoing.method === 'GET' && pathOf(outgoing.url).endsWith('/system/functions');
    return failed(
      'it closed the connection without a whole answer',
      list
        ? 'a gateway that cannot reach its Prometheus does that when it lists functions: is Prometheus running?'
        : 'look at the gateway’s own log; it may just be starting',
    );
  }
  return failed(`${cause.message} (${code})`, hints.refused);
}
