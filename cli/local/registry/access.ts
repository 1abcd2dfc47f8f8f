import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal, sendJson } from './refusal.ts';

/** Who may do what. Reading is open. */
export interface Access {
  /** Throws Refusal 401 unless the request may write. `repository` goes into the challenge. */
  requireWrite(incoming: IncomingMessage, repository: string): void;
  /** Throws Refusal 401 for `/v2/` unless whoever asks could write or has proved to be a reader: clients look there for how to log in. */
  requireKnown(incoming: IncomingMessage): void;
  /** Answers `/v2/_token`: whoever gives the password gets a token for writing, whoever gives none one for reading. */
  sendToken(incoming: IncomingMessage, outgoing: ServerResponse): void;
}

const whereFrom = 'they are in .bantam/local.json where the gateway was started';

/** Pushes of large layers ask again only when a request is refused. */
const tokenSeconds = 900;

/**
 * Makes the access rules. Where a password is wanted, clients are sent to a token endpoint (distribution-spec's companion "token authentication", as Docker Hub does it):
 * with `Basic` alone, Docker would either not learn at `/v2/` that there is a login, or refuse to pull without one. A `Basic` header on the request itself counts, too.
 */
export function createAccess(mayWrite: (incoming: IncomingMessage) => boolean): Access {
  const key = randomBytes(32);
  const sign = (text: string): string => createHmac('sha256', key).update(text).digest('base64url');
  const issue = (action: 'read' | 'write'): string => {
    const text = `${action}.${Math.floor(Date.now() / 1000) + tokenSeconds}`;
    return `${text}.${sign(text)}`;
  };
  const tokenAction = (incoming: IncomingMessage): 'read' | 'write' | undefined => {
    const [, text = '', action, until, given = ''] =
      /^Bearer +((read|write)\.(\d+))\.([\w-]+)$/i.exec(incoming.headers.authorization ?? '') ?? [];
    const genuine = timingSafeEqual(hashed(given), hashed(sign(text)));
    if (!genuine || Number(until) * 1000 < Date.now()) return undefined;
    return action === 'write' ? 'write' : 'read';
  };
  const refuse = (incoming: IncomingMessage, scope: string): Refusal => {
    const origin = originOf(incoming);
    const parts = [`realm="${origin}/v2/_token"`, 'service="bantam"', ...(scope === '' ? [] : [`scope="${scope}"`])];
    return new Refusal(
      401,
      'UNAUTHORIZED',
      /^basic /i.test(incoming.headers.authorization ?? '')
        ? `user or password is wrong: ${whereFrom}`
        : `writing to this registry needs user and password of the local gateway: docker login with them; ${whereFrom}`,
      { headers: { 'WWW-Authenticate': `Bearer ${parts.join(',')}` } },
    );
  };
  return {
    requireWrite(incoming, repository) {
      if (mayWrite(incoming) || tokenAction(incoming) === 'write') return;
      throw refuse(incoming, `repository:${repository}:pull,push`);
    },
    requireKnown(incoming) {
      if (mayWrite(incoming) || tokenAction(incoming) !== undefined) return;
      throw refuse(incoming, '');
    },
    sendToken(incoming, outgoing) {
      const writes = mayWrite(incoming);
      if (!writes && incoming.headers.authorization !== undefined)
        throw new Refusal(401, 'UNAUTHORIZED', `user or password is wrong: ${whereFrom}`, {
          headers: { 'WWW-Authenticate': 'Basic realm="bantam"' },
        });
      const token = issue(writes ? 'write' : 'read');
      const body = { token, access_token: token, expires_in: tokenSeconds, issued_at: new Date().toISOString() };
      sendJson(incoming, outgoing, body, { headers: { 'Cache-Control': 'no-store' } });
    },
  };
}

/** Where the client reached this registry, as it says itself. */
function originOf({ headers }: IncomingMessage): string {
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  const host = /^[\w.:[\]-]+$/.test(headers.host ?? '') ? headers.host : 'localhost';
  return `${scheme}://${host}`;
}

function hashed(text: string): Buffer {
  return createHmac('sha256', 'compare').update(text).digest();
}
