// What the bantam-ts template gives a handler. This file is yours: nothing reads it but the editor and the type check.

/** What a handler gets beside the request. */
interface Context {
  /** The `X-Call-Id` of this call: the caller's, or a new one. The answer carries it too. */
  readonly callId: string;
  /** Aborted when the caller has gone away. */
  readonly signal: AbortSignal;
  /** Reads a secret listed under `secrets:` of this function in stack.yml; rejects when it is not there. */
  secret(name: string): Promise<string>;
  /** Writes one line, with the call id, to the function's log. */
  log(message: string): void;
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
