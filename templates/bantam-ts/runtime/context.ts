/** What a handler gets beside the request. The user's copy of this type is function/bantam.d.ts; a test compares both. */
export interface Context {
  readonly callId: string;
  readonly signal: AbortSignal;
  secret(name: string): Promise<string>;
  log(message: string): void;
  setTrailer(name: string, value: string): void;
  upgradeWebSocket(options?: WebSocketOptions): Upgrade;
}

export interface WebSocketOptions {
  /** The one of the protocols that the caller offers which is spoken. */
  readonly protocol?: string;
}

/** A WebSocket as browsers have it, and the Response that the handler has to return for it to be opened. */
export interface Upgrade {
  readonly socket: FunctionSocket;
  readonly response: Response;
}

/** The part of the standard WebSocket that is promised; function/bantam.d.ts has it for the user. */
export interface FunctionSocket {
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
