import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemCode } from '../../errors.ts';

/** Codes of a registry's errors (distribution-spec, "Error Codes"), and `UNKNOWN` for what it did not foresee. */
export type RegistryErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNKNOWN'
  | 'UNSUPPORTED';

/** A request that the registry answers with an error. Clients show `message` to people. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: RegistryErrorCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly detail: unknown;

  constructor(
    status: number,
    code: RegistryErrorCode,
    message: string,
    more: { readonly headers?: Readonly<Record<string, string>>; readonly detail?: unknown } = {},
  ) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.code = code;
    this.headers = more.headers ?? {};
    this.detail = more.detail;
  }
}

/** What the disk says when nothing more fits, as the refusal of a write; anything else is thrown as it is. */
export function refuseFullDisk(error: unknown): never {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
    throw new Refusal(
      507,
      'DENIED',
      `the disk of the local registry is full (${code}): free some space on it; nothing of this upload was kept as an image`,
    );
  throw error;
}

/** Sends a JSON document. To HEAD its headers only. */
export function sendJson(
  { method }: IncomingMessage,
  outgoing: ServerResponse,
  body: unknown,
  {
    status = 200,
    headers = {},
  }: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): void {
  const text = JSON.stringify(body);
  outgoing.writeHead(status, {
    'Content-Type': 'application/json',
    ...headers,
    'Content-Length': Buffer.byteLength(text),
  });
  outgoing.end(method === 'HEAD' ? undefined : text);
}

/** Sends an answer without a body. */
export function sendEmpty(outgoing: ServerResponse, status: number, headers: Readonly<Record<string, string>>): void {
  outgoing.writeHead(status, { ...headers, 'Content-Length': '0' }).end();
}

/** Sends a refusal as the specification wants errors to look. */
export function sendRefusal(incoming: IncomingMessage, outgoing: ServerResponse, refusal: Refusal): void {
  const { status, code, message, detail, headers } = refusal;
  sendJson(
    incoming,
    outgoing,
    { errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] },
    { status, headers },
  );
  boundRest(incoming);
}

/** A client may still be sending when it is refused. It must be read for a while, or the connection breaks before it sees the answer. */
const mostReadInVain = { bytes: 64 << 20, milliseconds: 20_000 };

function boundRest(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) return;
  const end = (): void => void incoming.socket.destroy();
  const timer = setTimeout(end, mostReadInVain.milliseconds);
  timer.unref();
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > mostReadInVain.bytes) end();
  });
  incoming.once('close', () => clearTimeout(timer));
  incoming.resume();
}
