import * as v from 'valibot';
import { Failure } from './failure.ts';
import { originOf, requireHarmless } from './policy.ts';
import type { Reference } from './reference.ts';

const accepted = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** What manifests and configurations may weigh; the distribution specification names 4 MiB for a manifest. */
const documentLimit = 4 * 1024 * 1024;
const tokenAnswer = v.object({ token: v.optional(v.string()), access_token: v.optional(v.string()) });

/** Reads one repository of a registry, as nobody in particular: with the anonymous token that public registries want. */
export class Repository {
  readonly #reference: Reference;
  readonly #signal: AbortSignal;
  readonly #origin: string;
  #token: string | undefined;

  constructor(reference: Reference, signal: AbortSignal) {
    this.#reference = reference;
    this.#signal = signal;
    this.#origin = originOf(reference.registry);
  }

  /** A manifest or an index, and its digest if the registry names it. */
  async readManifest(version: string): Promise<{ document: unknown; digest: string | undefined }> {
    const response = await this.#get(`manifests/${version}`, accepted);
    return { document: await readJson(response), digest: response.headers.get('docker-content-digest') ?? undefined };
  }

  async readConfig(digest: string): Promise<unknown> {
    return readJson(await this.#get(`blobs/${digest}`, '*/*'));
  }

  /** A layer, as it comes over the wire. A registry that sends more than it announced is not listened to any longer. */
  async *openLayer(digest: string, size: number): AsyncGenerator<Uint8Array> {
    const { body } = await this.#get(`blobs/${digest}`, '*/*');
    let length = 0;
    try {
      for await (const chunk of body ?? []) {
        length += chunk.length;
        if (length > size) break;
        yield chunk;
      }
    } catch (cause) {
      throw this.#explainBroken(cause);
    }
    if (length !== size) throw new Failure(502, 'bad-layer', `${digest} is not of the announced ${size} bytes`);
  }

  async #get(path: string, accept: string): Promise<Response> {
    let url = new URL(`/v2/${this.#reference.repository}/${path}`, this.#origin);
    for (let step = 0; step < 6; step += 1) {
      const headers: Record<string, string> = { Accept: accept };
      // The token is for the registry alone, not for the storage that it sends us to.
      if (this.#token !== undefined && url.origin === this.#origin) headers['Authorization'] = `Bearer ${this.#token}`;
      const response = await this.#fetch(url, headers);
      if (response.ok) return response;
      await response.body?.cancel();
      const location = response.headers.get('location');
      if (response.status >= 300 && response.status < 400 && location !== null) {
        url = requireHarmless(new URL(location, url), this.#origin);
      } else if (response.status === 401 && this.#token === undefined) {
        this.#token = await this.#askForToken(response.headers.get('www-authenticate') ?? '');
      } else {
        throw this.#explain(response.status, path);
      }
    }
    throw new Failure(502, 'bad-registry', `${this.#origin} sends us from one place to the next`);
  }

  /** The token flow of the distribution specification: the refusal says whom to ask, for what. */
  async #askForToken(challenge: string): Promise<string> {
    const given = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    const realm = given.get('realm');
    if (!/^bearer\s/i.test(challenge) || realm === undefined || !URL.canParse(realm)) throw this.#explain(401, '');
    const url = requireHarmless(new URL(realm), this.#origin);
    url.searchParams.set('scope', `repository:${this.#reference.repository}:pull`);
    const service = given.get('service');
    if (service !== undefined) url.searchParams.set('service', service);
    const response = await this.#fetch(url, {});
    if (!response.ok) throw this.#explain(401, '');
    const answer = v.safeParse(tokenAnswer, await readJson(response));
    const token = answer.success ? (answer.output.token ?? answer.output.access_token) : undefined;
    if (token === undefined) throw new Failure(502, 'bad-registry', `${url.origin} gave no token`);
    return token;
  }

  async #fetch(url: URL, headers: Record<string, string>): Promise<Response> {
    try {
      return await fetch(url, { headers, redirect: 'manual', signal: this.#signal });
    } catch (cause) {
      throw this.#explainBroken(cause);
    }
  }

  #explainBroken(cause: unknown): Failure {
    if (this.#signal.aborted) return new Failure(504, 'timeout', `${this.#origin} did not answer in time`, { cause });
    return new Failure(502, 'unreachable', `${this.#origin} cannot be reached`, { cause });
  }

  #explain(status: number, path: string): Failure {
    const { registry, repository } = this.#reference;
    if (status === 404) return new Failure(404, 'not-found', `${registry}/${repository} has no ${path}`);
    if (status === 401 || status === 403) {
      return new Failure(
        403,
        'not-public',
        `${registry} shows ${repository} to nobody without credentials, or it does not exist`,
      );
    }
    if (status === 429) return new Failure(503, 'too-many-requests', `${registry} asks us to come back later`);
    return new Failure(502, 'bad-registry', `${registry} answered ${status}`);
  }
}

async function readJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > documentLimit)
      throw new Failure(502, 'too-large', `${response.url} is larger than ${documentLimit} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new Failure(502, 'bad-registry', `${response.url} is not JSON`, { cause });
  }
}
