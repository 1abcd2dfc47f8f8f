import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Interrupted, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { ContainerEngine, PullCredentials } from '../tools/container-engine.ts';
import type { Dialect } from './dialect/dialect.ts';
import { faasNetes } from './dialect/faas-netes.ts';
import { type DockerProvider, removeInstance, startDockerProvider } from './docker/docker-provider.ts';
import { createGateway, type RequestHandler } from './gateway/gateway.ts';
import { type Listener, listen } from './gateway/listen.ts';
import { newInstanceId } from './replicas/names.ts';
import type { ReplicaTiming } from './replicas/replica.ts';
import { type FolderLock, lockFolder } from './state/folder-lock.ts';
import {
  instancePath,
  isAlive,
  readInstance,
  removeInstanceRecord,
  startOf,
  writeInstance,
} from './state/instance-file.ts';
import { SecretStore } from './state/secret-store.ts';

/** How a local gateway is to be. */
export interface LocalOptions {
  readonly engine: ContainerEngine;
  /** Folder for its record (`local.json`) and secrets, usually `.bantam` of the project. One gateway at a time. */
  readonly stateFolder: string;
  readonly report: Report;
  /** Default 8585; 0 takes a free one. */
  readonly port?: number | undefined;
  /** Default `admin`. */
  readonly user?: string | undefined;
  /** Default: a new random one. */
  readonly password?: string | undefined;
  /** Read instead of `password`; one trailing newline is no part of it. */
  readonly passwordFile?: string | undefined;
  readonly dialect?: Dialect | undefined;
  /** bantam's version. */
  readonly version?: string | undefined;
  /** Runs all functions for this platform. */
  readonly platform?: string | undefined;
  readonly credentials?: ((image: string) => Promise<PullCredentials | undefined>) | undefined;
  readonly timing?: Partial<ReplicaTiming> | undefined;
  readonly closeGraceSeconds?: number | undefined;
  /** Aborts the start; afterwards `close` is the way. */
  readonly signal?: AbortSignal | undefined;
}

/** A local gateway that answers. */
export interface LocalGateway {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly instance: string;
  /** Where functions in containers reach it, for messages: `http://gateway.openfaas:8585`. */
  readonly insideUrl: string;
  /** Stops the functions, removes containers, network, secrets and the record. */
  close(): Promise<void>;
}

const loopback = '127.0.0.1';
/** The port that functions expect the gateway on, by the convention `http://gateway.openfaas:8080`. */
const customaryPort = 8080;

/**
 * Starts the embedded gateway with the Docker provider: on loopback and on the provider's own bridge, never on all interfaces.
 * Throws BAN-E004 (one runs or is being started already for this folder), E202 (no engine), E601 (port taken), `Interrupted`; whatever was made until then is removed again.
 */
export async function startLocal(options: LocalOptions): Promise<LocalGateway> {
  const {
    engine,
    stateFolder,
    report,
    port = 8585,
    user = 'admin',
    dialect = faasNetes,
    version = '0.0.0',
    signal,
  } = options;
  const undo: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    // Last made, first removed; one failure does not keep the rest from being removed.
    for (const step of undo.splice(0).reverse()) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    const password = await choosePassword(options);
    await mkdir(stateFolder, { recursive: true });
    const instance = newInstanceId();
    const closing = new AbortController();

    let handler = refuse('the local gateway is starting');
    const front: RequestHandler = (incoming, outgoing) => handler(incoming, outgoing);
    // From here to the record, which then says that the folder is taken.
    const lock = await lockFolder(stateFolder, signal);
    const { main, url, secrets } = await (async () => {
      await clearEarlier(options);
      const main = await listen(loopback, port, front);
      undo.push(() => main.close());
      const url = `http://${loopback}:${main.port}`;
      const secrets = await SecretStore.open(join(stateFolder, `secrets-${instance}`));
      undo.push(() => secrets.close());
      requireHeld(lock, stateFolder);
      undo.push(() => removeInstanceRecord(stateFolder, instance));
      const started = startOf(process.pid);
      await writeInstance(stateFolder, {
        instance,
        pid: process.pid,
        ...(started === undefined ? {} : { started }),
        url,
        user,
        password,
      });
      return { main, url, secrets };
    })().finally(() => lock.release());

    undo.push(() => removeInstance(engine, instance));
    const provider = await startDockerProvider(
      { ...options, instance, secretFile: (name) => secrets.file(name) },
      signal,
    );
    undo.push(() => provider.close());
    for (const listener of await listenInside(provider, main.port, front, report)) undo.push(() => listener.close());

    handler = createGateway({
      provider,
      secrets,
      dialect,
      credentials: { user, password },
      version,
      closing: closing.signal,
    });
    undo.push(async () => {
      handler = refuse('the local gateway is stopping');
      closing.abort();
    });
    if (signal?.aborted === true) throw new Interrupted();
    return { url, user, password, instance, insideUrl: `http://gateway.openfaas:${main.port}`, close };
  } catch (error) {
    // What goes wrong while tidying up must not hide why.
    await close().catch((problem: unknown) =>
      report({ type: 'warning', text: problem instanceof Error ? problem.message : String(problem) }),
    );
    throw error;
  }
}

function refuse(text: string): RequestHandler {
  return (_, outgoing) => void outgoing.writeHead(503, { 'Content-Type': 'text/plain' }).end(text);
}

async function choosePassword({ password, passwordFile }: LocalOptions): Promise<string> {
  if (passwordFile === undefined) return password ?? randomBytes(24).toString('base64url');
  const text = await readFile(passwordFile, 'utf8').catch((error: unknown) => {
    throw new UserError('BAN-E003', `the password file ${passwordFile} cannot be read`, { cause: error });
  });
  const read = text.replace(/\r?\n$/, '');
  if (read === '') throw new UserError('BAN-E003', `the password file ${passwordFile} is empty`);
  return read;
}

/** Removes what a killed gateway of this folder left; throws BAN-E004 if its process lives, whether it answers or not. */
async function clearEarlier({ engine, stateFolder, report }: LocalOptions): Promise<void> {
  const earlier = await readInstance(stateFolder);
  if (earlier === undefined) return;
  if (isAlive(earlier)) {
    throw new UserError(
      'BAN-E004',
      `a local gateway of this project runs already at ${earlier.url} (process ${earlier.pid})`,
      {
        hint: `use it, or stop it first${
          earlier.started === undefined
            ? `; if process ${earlier.pid} is another program, remove ${instancePath(stateFolder)}`
            : ''
        }`,
      },
    );
  }
  const removed = await removeInstance(engine, earlier.instance);
  await (await SecretStore.open(join(stateFolder, `secrets-${earlier.instance}`))).close();
  await removeInstanceRecord(stateFolder, earlier.instance);
  if (removed > 0)
    report({ type: 'note', text: `removed ${removed} container(s) that an earlier local gateway left behind` });
}

/** A process that stood still for so long that another start took the lock over must not write over that one's record. */
function requireHeld({ lost }: FolderLock, stateFolder: string): void {
  if (lost) throw new UserError('BAN-E004', `another local gateway was started in ${stateFolder} meanwhile`);
}

/** The gateway's listeners on the bridge: its own port, and the customary one where that is free. */
async function listenInside(
  { bridgeAddress }: DockerProvider,
  port: number,
  handler: RequestHandler,
  report: Report,
): Promise<Listener[]> {
  if (bridgeAddress === undefined) return [];
  const own = await listen(bridgeAddress, port, handler);
  if (port === customaryPort) return [own];
  try {
    return [own, await listen(bridgeAddress, customaryPort, handler)];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    report({
      type: 'trace',
      text: `functions reach the gateway at http://gateway.openfaas:${port} only: ${error.message}`,
    });
    return [own];
  }
}
