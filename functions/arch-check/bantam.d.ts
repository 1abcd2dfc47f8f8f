// What the bantam-ts template gives a handler. This file is yours: nothing reads it but the editor and the type check.

/** What a handler gets beside the request. */
interface Context {
  /** The `X-Call-Id` of this call: the caller's, or a new one. The answer carries it too. */
  readonly callId: string;
  /** Aborted when nobody waits for the answer any more: the caller has gone, or `exec_timeout` is over. */
  readonly signal: AbortSignal;
  /** Reads a secret listed under `secrets:` of this function in stack.yml; rejects when it is not there. */
  secret(name: string): Promise<string>;
  /** Writes one line, with the call id, to the function's log. */
  log(message: string): void;
  /** Sends a header after the body of the answer, which then has no Content-Length: a checksum of a stream, for example. */
  setTrailer(name: string, value: string): void;
  /** Opens a WebSocket where the caller asks for one: return its `response`, and it is open. Throws where nobody asks. */
  upgradeWebSocket(options?: WebSocketOptions): Upgrade;
}

interface WebSocketOptions {
  /** The one of the protocols that the caller offers which is spoken. */
  readonly protocol?: string;
}

interface Upgrade {
  readonly socket: FunctionSocket;
  readonly response: Response;
}

/** A WebSocket as browsers have it; binary messages are an ArrayBuffer. It is closed with 1001 when the replica ends. */
interface FunctionSocket {
  readonly readyState: number;
  readonly protocol: string;
  readonly bufferedAmount: number;
  onopen: ((event: object) => void) | null;
  onmessage: ((event: { readonly data: string | ArrayBuffer }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: ((event: { readonly message: string }) => void) | null;
  send(data: string | ArrayBuffer | ArrayBufferView): void;
  close(code?: number, reason?: string): void;
}

/** A function's default export; an object with a `fetch` of this type (a Hono app) will do as well. */
type Handler = (request: Request, context: Context) => Response | Promise<Response>;

// The environment, `environment:` of stack.yml, before `npm install` brings the types of all of Node.
declare namespace NodeJS {
  interface ProcessEnv {
    [name: string]: string | undefined;
  }
  interface Process {
    env: ProcessEnv;
  }
}
declare var process: NodeJS.Process;

/** A file imported as text. */
declare module '*.txt' {
  const text: string;
  export default text;
}
