import type { Reference } from '../oci/reference.ts';
import { describeAnswer, describeErrors, type Sent, unexpected } from './answers.ts';
import type { Action, Authorizer } from './authorize.ts';
import { readBody } from './body.ts';
import { type Endpoint, endpointOf, isNamed } from './endpoint.ts';
import { isDistrusted, mayComeOfTls } from './network-failure.ts';
import type { Answer, Exchange, Send } from './sender.ts';
import type { Trust } from './trust.ts';

/** A request to a repository. */
export interface Request {
  readonly method: Exchange['method'];
  /** Below `/v2/REPOSITORY/`. */
  readonly path: string;
  readonly action: Action;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Exchange['body'];
  readonly signal: AbortSignal | undefined;
  /** Another address than `path` names: where the registry wants an upload. It is asked once, and without credentials if it is another machine. */
  readonly at?: URL;
}

/** One request with its way through redirects, https and authentication; any status but 401 and 403 is the caller's to judge. */
export type Ask = (reference: Reference, asked: Request) => Promise<Sent>;

/** What {@link createRequester} needs. `insecure`, `secure`: see {@link endpointOf}. `timeout`: longest silence within an answer, milliseconds. */
export interface RequesterOptions {
  readonly send: Send;
  readonly authorizer: Authorizer;
  readonly trust: Trust;
  readonly insecure: readonly string[];
  readonly secure: readonly string[];
  readonly timeout: number;
}

/** Makes what all requests to registries go through. */
export function createRequester(options: RequesterOptions): Ask {
  const { send, authorizer, timeout } = options;
  const endpoints = new Map<string, Endpoint>();
  /** Registries that have answered over the endpoint they are asked at. */
  const spoken = new Set<string>();

  const placeOf = async (registry: string): Promise<Endpoint> => {
    const known = endpoints.get(registry);
    if (known !== undefined) return known;
    const byRule = endpointOf(registry, options.insecure, options.secure);
    // Certificates kept for a registry say that it speaks TLS; what the user says of plain http comes first.
    const certified = byRule.origin.startsWith('http:') && (await options.trust.knows(registry));
    const endpoint =
      certified && !isNamed(registry, options.insecure) ? { ...secured(byRule), insecure: false } : byRule;
    endpoints.set(registry, endpoint);
    return endpoint;
  };

  return async (reference, asked) => {
    const { registry, repository } = reference;
    const { action, signal } = asked;
    const access = { registry, repository, action };
    let authorization = await authorizer.known(access);
    let climb: { readonly endpoint: Endpoint; readonly failure: unknown } | undefined;
    for (let answered = false; ; ) {
      const endpoint = climb?.endpoint ?? (await placeOf(registry));
      // Credentials stay with the registry, and so do the answers to a 401: another machine could ask for them.
      const foreign = asked.at !== undefined && asked.at.origin !== new URL(endpoint.origin).origin;
      const exchange: Exchange = {
        registry,
        method: asked.method,
        url: asked.at ?? new URL(`${endpoint.origin}/v2/${repository}/${asked.path}`),
        headers: { ...asked.headers, ...(authorization === undefined || foreign ? {} : { authorization }) },
        ...(asked.body === undefined ? {} : { body: asked.body }),
        ...(asked.at === undefined && climb === undefined ? {} : { once: true }),
      };
      const tried: Answer | { readonly failure: unknown } = await send(exchange, signal).catch((failure: unknown) => ({
        failure,
      }));
      if ('failure' in tried) {
        const { failure } = tried;
        // What broke over plain http is what the user asked for, unless the other way shows that TLS is spoken.
        if (climb !== undefined) throw signal?.aborted === true || isDistrusted(failure) ? failure : climb.failure;
        const plain = endpoint.insecure && endpoint.origin.startsWith('http:');
        if (!plain || spoken.has(registry) || asked.at !== undefined || !mayComeOfTls(failure)) throw failure;
        // No credentials have been sent so far: they only ever follow an answer.
        climb = { endpoint: secured(endpoint), failure };
        continue;
      }
      const sent = tried;
      spoken.add(registry);
      if (climb !== undefined) {
        endpoints.set(registry, climb.endpoint);
        climb = undefined;
      }
      const answer = { ...sent, elsewhere: sent.elsewhere || foreign };
      const { status } = answer;
      if (status === 401 && !answer.elsewhere && !answered) {
        // Read to its end, so that the connection can be used again.
        await describeAnswer({ answer, exchange }, { timeout, signal });
        authorization = await authorizer.answer(access, answer.header('www-authenticate') ?? '', exchange.url, signal);
        answered = true;
      } else if (status === 401 || status === 403) {
        const detail = await describeAnswer({ answer, exchange }, { timeout, signal });
        throw answer.elsewhere
          ? unexpected(exchange, `its storage refuses: ${detail}`)
          : authorizer.refused(access, detail);
      } else if (
        status === 400 &&
        asked.method === 'HEAD' &&
        endpoint.insecure &&
        endpoint.origin.startsWith('http:')
      ) {
        // An answer to HEAD has no words that would say so, but that is what Go's servers say to plain http where they speak TLS.
        answer.release();
        climb = { endpoint: secured(endpoint), failure: unexpected(exchange, '400') };
      } else if (status === 400 && endpoint.insecure && endpoint.origin.startsWith('http:')) {
        const text = new TextDecoder().decode(await readBody(answer, 64 * 1024, { exchange, timeout, signal }));
        if (!wantsTls.test(text)) throw unexpected(exchange, `${status}${describeErrors(text, exchange)}`);
        // A private address that does speak TLS: going up is always safe, and it is known from here on.
        endpoints.set(registry, secured(endpoint));
      } else return { answer, exchange };
    }
  };
}

/** The same place over https. */
function secured({ origin, insecure }: Endpoint): Endpoint {
  return { origin: origin.replace(/^http:/, 'https:'), insecure };
}

/** The words of Go's and nginx's servers. */
const wantsTls = /HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port/i;
