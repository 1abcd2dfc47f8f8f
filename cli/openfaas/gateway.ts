import type { FunctionDeployment, FunctionStatus, Info, LogLine, Secret } from './wire.ts';

/** What a gateway answered to a request that changes something: judged by a dialect, never by its status alone. `body` is cut at 4 KiB. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Which lines of a function's log are wanted. `since` is an RFC 3339 time, `tail` a number of lines. */
export interface LogQuery {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly tail?: number | undefined;
  readonly since?: string | undefined;
  readonly follow?: boolean | undefined;
  readonly instance?: string | undefined;
}

/** One call of a function through the gateway. */
export interface Invocation {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly method: string;
  /** Path and query behind `/function/NAME`, for example `/items?id=3`. */
  readonly path?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | ReadableStream<Uint8Array> | undefined;
  readonly asynchronous?: boolean | undefined;
}

/** What came back from a function. The body is a stream that the caller reads or cancels. */
export interface InvocationAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | null;
}

/**
 * An OpenFaaS gateway as bantam uses it. Reads throw BAN-E401 (no answer in time), E402 (401/403), E403 (HTML, redirect, not JSON: no gateway), E405 (5xx);
 * writes return the {@link Answer} for a dialect to judge and throw E401, E402 and E403 only. No redirect is ever followed.
 */
export interface Gateway {
  /** Without a trailing slash. */
  readonly url: string;
  info(signal?: AbortSignal): Promise<Info>;
  list(namespace?: string, signal?: AbortSignal): Promise<readonly FunctionStatus[]>;
  /** `undefined` for a function the gateway does not know (404). */
  read(name: string, namespace?: string, signal?: AbortSignal): Promise<FunctionStatus | undefined>;
  create(deployment: FunctionDeployment, signal?: AbortSignal): Promise<Answer>;
  update(deployment: FunctionDeployment, signal?: AbortSignal): Promise<Answer>;
  remove(name: string, namespace?: string, signal?: AbortSignal): Promise<Answer>;
  scale(name: string, replicas: number, namespace?: string, signal?: AbortSignal): Promise<Answer>;
  logs(query: LogQuery, signal?: AbortSignal): AsyncIterable<LogLine>;
  secrets(namespace?: string, signal?: AbortSignal): Promise<readonly Secret[]>;
  /** Values only ever go in: in what comes back, and in errors, a value that the gateway repeats is cut out. */
  createSecret(secret: Secret, signal?: AbortSignal): Promise<Answer>;
  updateSecret(secret: Secret, signal?: AbortSignal): Promise<Answer>;
  removeSecret(name: string, namespace?: string, signal?: AbortSignal): Promise<Answer>;
  invoke(invocation: Invocation, signal?: AbortSignal): Promise<InvocationAnswer>;
}
