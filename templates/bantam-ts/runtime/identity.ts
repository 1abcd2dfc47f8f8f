import { randomUUID } from 'node:crypto';
import type { Settings } from './settings.ts';

/** Which code of which deployment in which replica answered, and which call it was: on every answer. */
export type Identity = Readonly<Record<(typeof identityHeaders)[number], string>>;

const identityHeaders = ['X-Bantam-Revision', 'X-Bantam-Deploy', 'X-Bantam-Replica', 'X-Call-Id'] as const;

/** The identity of one answer. The caller's call id is kept if it is a plain one, else one is made. */
export function identify(settings: Settings, callId: string | string[] | undefined): Identity {
  const kept = typeof callId === 'string' && /^[\x21-\x7e]{1,128}$/.test(callId) ? callId : randomUUID();
  return {
    'X-Bantam-Revision': settings.revision,
    'X-Bantam-Deploy': settings.deploy,
    'X-Bantam-Replica': settings.replica,
    'X-Call-Id': kept,
  };
}

/** A function that passes on the answer of another one must not pass on that one's identity. */
export function dropForeignIdentity(response: Response): Response {
  if (!identityHeaders.some((name) => response.headers.has(name))) return response;
  const headers = new Headers(response.headers);
  for (const name of identityHeaders) headers.delete(name);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
