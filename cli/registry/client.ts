import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { isDigest, sha256Digest, verifyDigest } from '../oci/digest.ts';
import { manifestMediaTypes } from '../oci/media-types.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { type Action, createAuthorizer } from './authorize.ts';
import { openBody, readBody } from './body.ts';
import type { Credentials } from './credentials.ts';
import { type Endpoint, endpointOf } from './endpoint.ts';
import { abortError, isDistrusted, mayComeOfTls } from './network-failure.ts';
import type { BlobSource, Registry, StoredManifest } from './registry.ts';
import { type Answer, createSender, type Exchange, isBrokenConnection, isBusy } from './sender.ts';

/** What {@link openRegistry} needs. Times in milliseconds. */
export interface RegistryOptions {
  readonly credentials: Credentials;
  /** Gets a `trace` per request. */
  readonly report: Report;
  /** Registries to be reached over plain http besides those of the address rule; see {@link endpointOf}. */
  readonly insecure?: readonly string[];
  /** Registries to be reached over https although the address rule says otherwise. */
  readonly secure?: readonly string[];
  /** Longest wait for an answer per try, and longest silence while a body arrives. 20 s if not given. */
  readonly timeout?: number;
  /** Tries per request, 4 if not given. */
  readonly attempts?: number;
  /** How pauses between tries are waited for. */
  readonly wait?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** The client of the distribution API for all registries that references name. Nothing is sent before the first call. */
export function openRegistry(options: RegistryOptions): Registry {
  const timeout = options.timeout ?? 20_000;
  const attempts = options.attempts ?? 4;
  const wait =
    options.wait ?? ((milliseconds, signal) => sleep(milliseconds, undefined, signal === undefined ? {} : { signal }));
  const send = createSender({ report: options.report, timeout, attempts, wait });
  const authorizer = createAuthorizer(options.credentials, send, timeout);
  const endpoints = new Map<string, Endpoint>();
  /** Registries that have answered over the endpoint they are asked at. */
  const spoken = new Set<string>();

  interface Request {
    readonly method: Exchange['method'];
    readonly path: string;
    readonly action: Action;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Exchange['body'];
    readonly signal: AbortSignal | undefined;
    /** Another address than `path` names: where the registry wants an upload. It is asked once, and without credentials if it is another machine. */
    readonly at?: URL;
  }

  /** One request with its way through redirects, https and authentication; any status but 401 and 403 is the caller's to judge. */
  const request = async (reference: Reference, asked: Request): Promise<{ answer: Answer; exchange: Exchange }> => {
    const { registry, repository } = reference;
    const { action, signal } = asked;
    const access = { registry, repository, action };
    let authorization = await authorizer.known(access);
    let climb: { readonly endpoint: Endpoint; readonly failure: unknown } | undefined;
    for (let answered = false; ; ) {
      const endpoint =
        climb?.endpoint ?? endpoints.get(registry) ?? endpointOf(registry, options.insecure, options.secure);
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
      const { status, headers } = answer.response;
      if (status === 401 && !answer.elsewhere && !answered) {
        // Read to its end, so that the connection can be used again.
        await describeAnswer(answer, exchange, signal);
        authorization = await authorizer.answer(access, headers.get('www-authenticate') ?? '', exchange.url, signal);
        answered = true;
      } else if (status === 401 || status === 403) {
        const detail = await describeAnswer(answer, exchange, signal);
        throw answer.elsewhere
          ? unexpected(exchange, `its storage refuses: ${detail}`)
          : authorizer.refused(access, detail);
      } else if (status === 400 && endpoint.insecure && endpoint.origin.startsWith('http:')) {
        const text = new TextDecoder().decode(await readBody(answer, 64 * 1024, { exchange, timeout, signal }));
        if (!wantsTls.test(text)) throw unexpected(exchange, `${status}${describeErrors(text)}`);
        // A private address that does speak TLS: going up is always safe, and it is known from here on.
        endpoints.set(registry, secured(endpoint));
      } else return { answer, exchange };
    }
  };

  const describeAnswer = async (
    answer: Answer,
    exchange: Exchange,
    signal: AbortSignal | undefined,
  ): Promise<string> => {
    const { status } = answer.response;
    const body = await readBody(answer, 64 * 1024, { exchange, timeout, signal }).catch((error: unknown) => {
      if (error instanceof UserError) return new Uint8Array();
      throw error;
    });
    return `${status}${describeErrors(new TextDecoder().decode(body))}`;
  };

  /** Lets a status of 200 to 299 pass, with anything but a web page; turns the others into errors. */
  const expectSuccess = async (
    { answer, exchange }: { answer: Answer; exchange: Exchange },
    what: string,
    signal: AbortSignal | undefined,
  ): Promise<void> => {
    const { status, ok, headers } = answer.response;
    if (headers.get('content-type')?.startsWith('text/html') === true) {
      answer.release();
      throw unexpected(
        exchange,
        `with a web page (status ${status})`,
        'check host and port: this does not look like a registry',
      );
    }
    if (ok) return;
    const detail = await describeAnswer(answer, exchange, signal);
    if (status === 404) {
      throw new UserError('BAN-E303', `the registry ${exchange.registry} has no ${what}`, {
        hint: 'check name and tag, or build and push it first',
      });
    }
    const patience =
      status === 429 ? `wait a while, or ask with an account: docker login ${exchange.registry}` : undefined;
    throw unexpected(exchange, detail, patience);
  };

  const readManifest = async (reference: Reference, signal: AbortSignal | undefined): Promise<StoredManifest> => {
    const name = `manifest of ${formatReference(reference)}`;
    const path = `manifests/${reference.digest ?? reference.tag ?? 'latest'}`;
    for (let attempt = 1; ; attempt += 1) {
      const sent = await request(reference, { method: 'GET', path, action: 'pull', headers: acceptManifests, signal });
      await expectSuccess(sent, name, signal);
      const { headers } = sent.answer.response;
      const options = { exchange: sent.exchange, timeout, signal };
      const bytes = await readBody(sent.answer, manifestLimit, options).catch((error: unknown) => {
        // It is small: if the connection broke in the middle of it, it is simply read again.
        if (attempt < 2 && error instanceof UserError && error.code === 'BAN-E301') return undefined;
        throw error;
      });
      if (bytes === undefined) continue;
      const announced = headers.get('docker-content-digest') ?? '';
      const expected = reference.digest ?? (isDigest(announced) ? announced : undefined);
      if (expected !== undefined) verifyDigest(bytes, expected, name);
      const mediaType = headers.get('content-type')?.split(';')[0] ?? '';
      return { digest: expected ?? sha256Digest(bytes), mediaType, bytes };
    }
  };

  /**
   * One try of an upload from its first question on: after a broken one the registry may hold half of it, and would take
   * a second body for the rest. `again`: it may work the next time.
   */
  const tryPutBlob = async (
    reference: Reference,
    blob: BlobSource,
    from: string | undefined,
    what: string,
    last: boolean,
    signal: AbortSignal | undefined,
  ): Promise<'there' | 'mounted' | 'sent' | 'again'> => {
    const common = { action: 'pull,push', signal } as const;
    const here = await request(reference, { ...common, method: 'HEAD', path: `blobs/${blob.digest}`, headers: {} });
    here.answer.release();
    if (here.answer.response.ok) return 'there';
    if (here.answer.response.status !== 404) await expectSuccess(here, what, signal);
    const mount =
      from === undefined ? '' : `?mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(from)}`;
    const headers = { 'content-length': '0' };
    const begun = await request(reference, { ...common, method: 'POST', path: `blobs/uploads/${mount}`, headers });
    await expectSuccess(begun, `place for a ${what}`, signal);
    begun.answer.release();
    if (begun.answer.response.status === 201) return 'mounted';
    const sent = await request(reference, {
      ...common,
      method: 'PUT',
      path: '',
      at: uploadAddress(begun, blob.digest),
      headers: { 'content-type': 'application/octet-stream' },
      body: { size: blob.size, open: blob.open },
    }).catch((error: unknown) => {
      if (!last && isBrokenConnection(error)) return undefined;
      throw error;
    });
    if (sent === undefined) return 'again';
    const { status } = sent.answer.response;
    if (!last && (isBusy(status) || status === 404 || status === 416)) {
      sent.answer.release();
      return 'again';
    }
    await expectSuccess(sent, what, signal);
    sent.answer.release();
    return 'sent';
  };

  return {
    manifest: readManifest,
    async blob(reference, digest, signal) {
      if (!isDigest(digest)) throw new UserError('BAN-E306', `"${digest}" is no digest of a blob`);
      const sent = await request(reference, {
        method: 'GET',
        path: `blobs/${digest}`,
        action: 'pull',
        headers: {},
        signal,
      });
      await expectSuccess(sent, `blob ${digest} of ${formatReference(reference)}`, signal);
      return openBody(sent.answer, { exchange: sent.exchange, timeout, signal });
    },
    async hasBlob(reference, digest, signal) {
      const asked = await request(reference, {
        method: 'HEAD',
        path: `blobs/${digest}`,
        action: 'pull',
        headers: {},
        signal,
      });
      const { status } = asked.answer.response;
      if (status !== 404) await expectSuccess(asked, `blob ${digest} of ${formatReference(reference)}`, signal);
      asked.answer.release();
      return status !== 404;
    },
    async putBlob(reference, blob, from, signal) {
      const what = `blob ${blob.digest} of ${formatReference(reference)}`;
      for (let attempt = 1; ; attempt += 1) {
        const done = await tryPutBlob(reference, blob, from, what, attempt >= attempts, signal);
        // A try that broke off late may have arrived nevertheless: those bytes were sent, too.
        if (done !== 'again') return done === 'there' && attempt > 1 ? 'sent' : done;
        const pause = 250 * 2 ** (attempt - 1);
        options.report({ type: 'trace', about: reference.registry, text: `${what}: once more in ${pause} ms` });
        await wait(pause, signal).catch((error: unknown) => {
          throw signal?.aborted === true ? abortError(signal) : error;
        });
      }
    },
    async putManifest(reference, manifest, tag, signal) {
      const digest = sha256Digest(manifest.bytes);
      const headers = { 'content-type': manifest.mediaType };
      const path = `manifests/${tag ?? digest}`;
      const sent = await request(reference, {
        method: 'PUT',
        path,
        action: 'pull,push',
        headers,
        body: manifest.bytes,
        signal,
      });
      if (sent.answer.response.status === 404) {
        throw unexpected(
          sent.exchange,
          await describeAnswer(sent.answer, sent.exchange, signal),
          'check that the registry accepts pushes',
        );
      }
      await expectSuccess(sent, `repository ${reference.repository}`, signal);
      const stored = sent.answer.response.headers.get('docker-content-digest') ?? digest;
      await describeAnswer(sent.answer, sent.exchange, signal);
      if (stored === digest) return digest;
      throw new UserError(
        'BAN-E306',
        `the registry ${reference.registry} stored ${path} as ${stored}, not as ${digest}`,
        {
          hint: 'a registry that changes manifests cannot be used: check any proxy in front of it',
        },
      );
    },
    async digestOf(reference, signal) {
      const { registry, repository, tag } = reference;
      const byTag = tag === undefined ? reference : { registry, repository, tag };
      const path = `manifests/${tag ?? reference.digest ?? 'latest'}`;
      const sent = await request(reference, { method: 'HEAD', path, action: 'pull', headers: acceptManifests, signal });
      const { status, headers } = sent.answer.response;
      if (status === 404 && headers.get('content-type')?.startsWith('text/html') !== true) {
        sent.answer.release();
        return undefined;
      }
      await expectSuccess(sent, `manifest of ${formatReference(reference)}`, signal);
      sent.answer.release();
      const digest = headers.get('docker-content-digest') ?? '';
      // Some registries leave the header out of HEAD answers.
      return isDigest(digest) ? digest : (await readManifest(byTag, signal)).digest;
    },
  };
}

/** The same place over https. */
function secured({ origin, insecure }: Endpoint): Endpoint {
  return { origin: origin.replace(/^http:/, 'https:'), insecure };
}

/** The words of Go's and nginx's servers. */
const wantsTls = /HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port/i;

const acceptManifests = { accept: manifestMediaTypes.join(', ') };

/** The size up to which registries must take manifests (distribution-spec, "Pushing Manifests"): 4 MiB. */
const manifestLimit = 4 * 1024 * 1024;

const errorsSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ errors: v.array(v.object({ code: v.nullish(v.string()), message: v.nullish(v.string()) })) }),
);

/** The registry's own words out of an error body, if it has any (distribution-spec, "Error Codes"). */
function describeErrors(body: string): string {
  const parsed = v.safeParse(errorsSchema, body);
  if (!parsed.success || parsed.output.errors.length === 0) return '';
  return ` ${parsed.output.errors
    .slice(0, 3)
    .map(({ code, message }) => [code, message].filter(Boolean).join(': '))
    .join('; ')}`;
}

/** Where the registry wants the bytes (distribution-spec, "Monolithic upload"). Throws BAN-E304 for no address, and for one that gives up TLS. */
function uploadAddress({ answer, exchange }: { answer: Answer; exchange: Exchange }, digest: string): URL {
  const { status, headers } = answer.response;
  const location = headers.get('location') ?? '';
  if (status !== 202 || location === '' || !URL.canParse(location, exchange.url.href))
    throw unexpected(exchange, `${status} without saying where to send the blob`);
  const at = new URL(location, exchange.url);
  // A registry behind a proxy that ends TLS does not always know that it is reached over https.
  if (exchange.url.protocol === 'https:' && at.protocol === 'http:' && at.hostname === exchange.url.hostname) {
    at.protocol = 'https:';
    at.port = exchange.url.port;
  }
  if (exchange.url.protocol === 'https:' && at.protocol !== 'https:')
    throw unexpected(exchange, `and wants the blob over plain http at ${at.host}`, 'check any proxy in front of it');
  // Appended as text: what is there may be signed, byte by byte.
  at.search += `${at.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return at;
}

function unexpected(
  exchange: Exchange,
  detail: string,
  hint = 'try again; if it happens again, look at the log of the registry',
): UserError {
  const { registry, method, url } = exchange;
  return new UserError(
    'BAN-E304',
    `the registry ${registry} answers ${method} ${url.origin}${url.pathname} ${detail}`,
    { hint },
  );
}
