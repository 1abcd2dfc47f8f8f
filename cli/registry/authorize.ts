import * as v from 'valibot';
import { UserError } from '../errors.ts';
import { rateLimited } from './answers.ts';
import { readBody } from './body.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credential, Credentials } from './credentials.ts';
import type { Exchange, Send } from './sender.ts';

/** What a request wants to do, in the words of a token's scope. */
export type Action = 'pull' | 'pull,push';

/** What is asked for: the repository is that of one registry. */
export interface Access {
  readonly registry: string;
  readonly repository: string;
  readonly action: Action;
}

/** Gets and keeps what goes into the Authorization header. */
export interface Authorizer {
  /** What worked before for the same access, undefined to go without. */
  known(access: Access): Promise<string | undefined>;
  /** Answers a 401. Throws BAN-E302 if there is nothing to answer with, or the token service refuses. */
  answer(access: Access, wwwAuthenticate: string, asked: URL, signal?: AbortSignal): Promise<string>;
  /** The error for a header that was refused. */
  refused(access: Access, detail: string): UserError;
}

/** The ways in of the distribution API: bearer tokens of a token service (distribution-spec; Docker's token authentication), basic, none. */
export function createAuthorizer(credentials: Credentials, send: Send, timeout: number): Authorizer {
  const kept = new Map<string, Promise<{ header: string; expires: number }>>();
  /** Tokens that are on their way: twenty layers of one image need one. */
  const pending = new Map<string, Promise<{ header: string }>>();
  const whole = new Map<string, string>();
  const keyOf = ({ registry, repository, action }: Access) => `${registry}/${repository} ${action}`;

  const fetchToken = async (access: Access, challenge: Challenge, asked: URL, signal: AbortSignal | undefined) => {
    const credential = await credentials.find(access.registry, signal);
    if (credential?.kind === 'bearer')
      return { header: `Bearer ${credential.token}`, expires: Number.POSITIVE_INFINITY };
    const exchange = tokenRequest(access, challenge, asked, credential);
    const answer = await send(exchange, signal);
    const { status } = answer;
    if (status === 401 || status === 403) {
      answer.release();
      throw refused(access, `its token service ${exchange.url.host} answers ${status}`, credential);
    }
    if (status === 429) throw rateLimited(exchange, answer, '429');
    const body = await readBody(answer, 1024 * 1024, { exchange, timeout, signal });
    const parsed = v.safeParse(tokenSchema, new TextDecoder().decode(body));
    const token = parsed.success ? (parsed.output.token ?? parsed.output.access_token) : undefined;
    if (status !== 200 || !parsed.success || !token) {
      throw new UserError(
        'BAN-E304',
        `the token service ${exchange.url.host} of the registry ${access.registry} answers ${status} and no token`,
        {
          hint: 'try again; if it happens again, look at the log of the registry',
        },
      );
    }
    // Tokens without a lifetime live for 60 s; some seconds are kept for the way.
    return {
      header: `Bearer ${token}`,
      expires: Date.now() + Math.max(5, (parsed.output.expires_in ?? 60) - 10) * 1000,
    };
  };

  return {
    async known(access) {
      const basic = whole.get(access.registry);
      if (basic !== undefined) return basic;
      // A token that may push may pull as well.
      for (const action of [access.action, 'pull,push'] as const) {
        const token = await kept.get(keyOf({ ...access, action }))?.catch(() => undefined);
        if (token !== undefined && token.expires > Date.now()) return token.header;
      }
      return undefined;
    },
    async answer(access, wwwAuthenticate, asked, signal) {
      const challenges = parseChallenges(wwwAuthenticate);
      const bearer = challenges.find(
        ({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'] !== undefined,
      );
      if (bearer !== undefined) {
        const key = keyOf(access);
        const coming = pending.get(key);
        if (coming !== undefined) return (await coming).header;
        const token = fetchToken(access, bearer, asked, signal);
        pending.set(key, token);
        kept.set(key, token);
        try {
          return (await token).header;
        } catch (error) {
          // Whoever waits for it hears of the failure; the next request tries anew.
          kept.delete(key);
          throw error;
        } finally {
          pending.delete(key);
        }
      }
      const credential = await credentials.find(access.registry, signal);
      if (credential?.kind === 'bearer') return `Bearer ${credential.token}`;
      if (credential?.kind !== 'basic' || !challenges.some(({ scheme }) => scheme === 'basic')) {
        throw refused(access, credential === undefined ? undefined : 'they are of a kind it does not take', credential);
      }
      const header = basicHeader(credential);
      whole.set(access.registry, header);
      return header;
    },
    refused(access, detail) {
      whole.delete(access.registry);
      kept.delete(keyOf(access));
      return new UserError('BAN-E302', `the registry ${access.registry} does not let you ${verb(access)}: ${detail}`, {
        hint: `docker login ${access.registry === 'docker.io' ? '' : access.registry}`.trim(),
      });
    },
  };
}

const tokenSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    token: v.nullish(v.string()),
    access_token: v.nullish(v.string()),
    expires_in: v.nullish(v.number()),
  }),
);

function tokenRequest(access: Access, challenge: Challenge, asked: URL, credential: Credential | undefined): Exchange {
  const { realm = '', service, scope } = challenge.parameters;
  const url = URL.canParse(realm, asked.href) ? new URL(realm, asked.href) : undefined;
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && asked.protocol === 'http:');
  if (url === undefined || !safe) {
    throw new UserError(
      'BAN-E304',
      `the registry ${access.registry} sends for a token to "${realm}", which is no address to send credentials to`,
      {
        hint: 'check the address of the registry and any proxy in front of it',
      },
    );
  }
  const wanted = scope ?? `repository:${access.repository}:${access.action}`;
  const common = { registry: access.registry, headers: { accept: 'application/json' } };
  if (credential?.kind === 'identity') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credential.token,
      client_id: 'bantam',
      scope: wanted,
      ...(service === undefined ? {} : { service }),
    });
    const headers = { ...common.headers, 'content-type': 'application/x-www-form-urlencoded' };
    return { ...common, headers, method: 'POST', url, body: form.toString() };
  }
  if (service !== undefined) url.searchParams.set('service', service);
  for (const each of wanted.split(' ')) url.searchParams.append('scope', each);
  const headers =
    credential?.kind === 'basic' ? { ...common.headers, authorization: basicHeader(credential) } : common.headers;
  return { ...common, headers, method: 'GET', url };
}

function basicHeader(credential: Credential & { readonly kind: 'basic' }): string {
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString('base64')}`;
}

function verb({ repository, action }: Access): string {
  return `${action === 'pull' ? 'read' : 'write'} ${repository}`;
}

function refused(access: Access, detail: string | undefined, credential: Credential | undefined): UserError {
  const host = access.registry === 'docker.io' ? '' : ` ${access.registry}`;
  const who = credential?.kind === 'basic' ? ` of ${credential.username}` : '';
  const message =
    credential === undefined
      ? `the registry ${access.registry} wants credentials to ${verb(access)}, and there are none${detail === undefined ? '' : `: ${detail}`}`
      : `the registry ${access.registry} refuses the credentials${who} to ${verb(access)}${detail === undefined ? '' : `: ${detail}`}`;
  return new UserError('BAN-E302', message, { hint: `docker login${host}` });
}
