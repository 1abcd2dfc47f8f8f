import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { systemCode } from '../errors.ts';
import type { Report } from '../events.ts';

/** What proves to a registry who is asking. */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** A refresh token of the registry's token service (`docker login` with single sign-on). */
  | { readonly kind: 'identity'; readonly token: string }
  /** A bearer token to be sent as it is. */
  | { readonly kind: 'bearer'; readonly token: string };

/** Knows credentials by registry (as in a reference: `docker.io`, `registry.lan:5000`). */
export interface Credentials {
  find(registry: string, signal?: AbortSignal): Promise<Credential | undefined>;
}

/** Runs a program (cli/tools/exec.ts). */
export type RunProgram = (
  file: string,
  programArguments: readonly string[],
  options?: { readonly input?: string; readonly signal?: AbortSignal | undefined; readonly timeout?: number },
) => Promise<{
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly missing: boolean;
  readonly timedOut: boolean;
}>;

/** What {@link openDockerCredentials} needs of the process. `environment`: DOCKER_CONFIG is read. */
export interface DockerCredentialsOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeFolder: string;
  readonly runProgram: RunProgram;
  readonly report: Report;
}

/**
 * Credentials as `docker login` keeps them: `credHelpers`, `credsStore`, `auths` of config.json, in this order. Nothing here throws for an
 * odd file or a failing helper: that is a warning, the request goes on without credentials, and the registry has the last word. No secret is reported.
 */
export function openDockerCredentials(options: DockerCredentialsOptions): Credentials {
  const file = join(options.environment['DOCKER_CONFIG'] || join(options.homeFolder, '.docker'), 'config.json');
  const warn = (text: string, hint: string) => options.report({ type: 'warning', text, hint });
  let config: Promise<DockerConfig> | undefined;
  const known = new Map<string, Promise<Credential | undefined>>();

  const find = async (registry: string, signal: AbortSignal | undefined): Promise<Credential | undefined> => {
    config ??= readConfig(file, warn);
    const { credHelpers, credsStore, auths } = await config;
    const names = namesOf(registry);
    const helper = names.map((name) => credHelpers[name]).find((name) => name !== undefined) ?? credsStore;
    if (helper !== undefined && helper !== '') {
      const answer = await askHelper(helper, names[0] ?? registry, { ...options, signal, warn });
      if (answer !== undefined) return answer;
    }
    const entry = Object.entries(auths).find(([key]) => names.includes(key) || names.includes(hostOf(key)))?.[1];
    return entry === undefined ? undefined : toCredential(entry, registry, file, warn);
  };

  return {
    find(registry, signal) {
      const started = known.get(registry) ?? find(registry, signal);
      known.set(registry, started);
      // An aborted look-up must not be remembered as the answer.
      started.catch(() => known.delete(registry));
      return started;
    },
  };
}

type Warn = (text: string, hint: string) => void;

/** How long a credential helper may take: it may ask the user for the key ring's password. Milliseconds. */
const helperTimeout = 60_000;

/** Docker Hub's entry is keyed by the address of its first API. */
function namesOf(registry: string): string[] {
  if (registry !== 'docker.io') return [registry];
  return ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'registry-1.docker.io'];
}

/** `https://host:5000/v2/` → `host:5000`: old versions of Docker wrote whole addresses. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

async function readConfig(file: string, warn: Warn): Promise<DockerConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      warn(`${file} cannot be read (${String(code)}), going on without credentials`, 'check who may read it');
    return emptyConfig;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message would quote the file, and the file holds secrets.
    warn(`${file} is no JSON, going on without credentials`, 'repair it, or move it away and run: docker login');
    return emptyConfig;
  }
  const parsed = v.safeParse(configSchema, json);
  if (parsed.success) return parsed.output;
  const where = parsed.issues.map((issue) => v.getDotPath(issue) ?? '(top)').join(', ');
  warn(
    `${file} has an unexpected shape at ${where}, going on without credentials`,
    'repair it, or move it away and run: docker login',
  );
  return emptyConfig;
}

const authSchema = v.object({
  auth: v.nullish(v.string()),
  username: v.nullish(v.string()),
  password: v.nullish(v.string()),
  identitytoken: v.nullish(v.string()),
  registrytoken: v.nullish(v.string()),
});

const configSchema = v.object({
  auths: v.nullish(v.record(v.string(), authSchema), {}),
  credHelpers: v.nullish(v.record(v.string(), v.string()), {}),
  credsStore: v.optional(v.string()),
});

type DockerConfig = v.InferOutput<typeof configSchema>;

const emptyConfig: DockerConfig = { auths: {}, credHelpers: {} };

function toCredential(
  entry: v.InferOutput<typeof authSchema>,
  registry: string,
  file: string,
  warn: Warn,
): Credential | undefined {
  if (entry.identitytoken) return { kind: 'identity', token: entry.identitytoken };
  if (entry.registrytoken) return { kind: 'bearer', token: entry.registrytoken };
  if (entry.username && entry.password) return { kind: 'basic', username: entry.username, password: entry.password };
  // An entry without anything is what `docker login` leaves behind when a helper holds the secret.
  if (!entry.auth) return undefined;
  const decoded = Buffer.from(entry.auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon <= 0) {
    warn(`the entry of ${registry} in ${file} cannot be decoded, going on without it`, `docker login ${registry}`);
    return undefined;
  }
  return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') };
}

/** The protocol of docker-credential-helpers: `get`, the server's name on stdin, JSON on stdout; exit 1 also for "I have none". */
async function askHelper(
  name: string,
  server: string,
  options: DockerCredentialsOptions & { readonly signal: AbortSignal | undefined; readonly warn: Warn },
): Promise<Credential | undefined> {
  const program = `docker-credential-${name}`;
  const hint = `check the credential helper in Docker's config.json, or run: docker login`;
  if (!/^[\w.-]+$/.test(name)) {
    options.warn('the name of a credential helper in config.json is no program name, going on without it', hint);
    return undefined;
  }
  const result = await options.runProgram(program, ['get'], {
    input: `${server}\n`,
    signal: options.signal,
    timeout: helperTimeout,
  });
  if (result.missing) options.warn(`${program} is not installed, going on without its credentials`, hint);
  else if (result.timedOut)
    options.warn(`${program} did not answer within 60 s, going on without its credentials`, hint);
  else if (result.exitCode !== 0) {
    if (!/credentials not found|no credentials server URL/i.test(result.stdout)) {
      options.warn(
        `${program} failed with exit code ${String(result.exitCode)}, going on without its credentials`,
        hint,
      );
    }
  } else
    return readHelperAnswer(result.stdout, () =>
      options.warn(`${program} answered something unexpected, going on without it`, hint),
    );
  return undefined;
}

const helperSchema = v.pipe(v.string(), v.parseJson(), v.object({ Username: v.string(), Secret: v.string() }));

function readHelperAnswer(text: string, odd: () => void): Credential | undefined {
  const parsed = v.safeParse(helperSchema, text);
  if (!parsed.success) {
    odd();
    return undefined;
  }
  const { Username: username, Secret: secret } = parsed.output;
  // Docker's convention for a token in place of a password (credentials/native_store.go).
  return username === '<token>' ? { kind: 'identity', token: secret } : { kind: 'basic', username, password: secret };
}
