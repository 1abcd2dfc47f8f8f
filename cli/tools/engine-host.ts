import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { failedWith, UserError } from '../errors.ts';

/** Where an engine listens. `address` is what Docker itself would print; `from` says who named it. */
export interface EngineHost {
  readonly address: string;
  readonly from: 'DOCKER_HOST' | 'context' | 'default';
  /** The context's name when `from` is `context`. */
  readonly context?: string;
  /** Folder with ca.pem, cert.pem, key.pem for a tcp engine with TLS. */
  readonly certificates?: string;
}

/** What host resolution reads: the environment and the user's home folder. */
export interface EngineSurroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/**
 * Finds the engine in the order of the docker command: DOCKER_HOST, DOCKER_CONTEXT, the current context of config.json, the default socket
 * (docker/cli, `resolveContextName`); dockerode itself knows nothing of contexts. Throws BAN-E202 for a context that is named but not there.
 */
export async function findEngineHost({ environment, home }: EngineSurroundings): Promise<EngineHost> {
  const host = environment['DOCKER_HOST'];
  if (host) {
    const certificates = environment['DOCKER_CERT_PATH'];
    return {
      address: host.includes('://') ? host : `tcp://${host}`,
      from: 'DOCKER_HOST',
      ...(certificates ? { certificates } : {}),
    };
  }
  const folder = environment['DOCKER_CONFIG'] || join(home, '.docker');
  const context = environment['DOCKER_CONTEXT'] || (await currentContext(folder));
  if (context && context !== 'default') return readContext(folder, context);
  return { address: `unix://${await defaultSocket(home)}`, from: 'default' };
}

const configSchema = v.object({ currentContext: v.optional(v.string()) });
const contextSchema = v.object({ Endpoints: v.object({ docker: v.object({ Host: v.string() }) }) });

async function currentContext(folder: string): Promise<string | undefined> {
  const text = await readOptional(join(folder, 'config.json'));
  if (text === undefined) return undefined;
  const parsed = v.safeParse(configSchema, parseJson(text));
  return parsed.success ? parsed.output.currentContext : undefined;
}

/** Contexts live in folders named by the SHA-256 of their name (docker/cli, cli/context/store). */
async function readContext(folder: string, name: string): Promise<EngineHost> {
  const id = createHash('sha256').update(name).digest('hex');
  const text = await readOptional(join(folder, 'contexts', 'meta', id, 'meta.json'));
  const parsed = v.safeParse(contextSchema, text === undefined ? undefined : parseJson(text));
  if (!parsed.success) {
    throw new UserError('BAN-E202', `Docker's context "${name}" cannot be read from ${join(folder, 'contexts')}`, {
      hint: 'list the contexts with: docker context ls, and choose one with: docker context use NAME',
    });
  }
  const certificates = join(folder, 'contexts', 'tls', id, 'docker');
  const hasCertificates = await exists(join(certificates, 'ca.pem'));
  return {
    address: parsed.output.Endpoints.docker.Host,
    from: 'context',
    context: name,
    ...(hasCertificates ? { certificates } : {}),
  };
}

/** The system's socket, or the one Docker Desktop keeps in the home folder. */
async function defaultSocket(home: string): Promise<string> {
  const system = '/var/run/docker.sock';
  if (await exists(system)) return system;
  const desktop = join(home, '.docker', 'run', 'docker.sock');
  return (await exists(desktop)) ? desktop : system;
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new UserError('BAN-E003', `${path} cannot be read`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** `undefined` for broken JSON: the schema then says no. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
