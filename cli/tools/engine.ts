import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import * as v from 'valibot';
import { Interrupted, UserError } from '../errors.ts';
import type {
  ContainerEngine,
  EngineContainers,
  EngineFacts,
  EngineImages,
  EngineLogLine,
  EngineLogQuery,
  EngineNetworks,
} from './container-engine.ts';
import { type EngineAction, engineFailure, PullProgressError, statusOf } from './engine-failure.ts';
import { type EngineHost, type EngineSurroundings, findEngineHost } from './engine-host.ts';
import { readLogLines } from './engine-log.ts';
import { createOptions, decodeState, registryAuthentication } from './engine-wire.ts';

/** How long an ordinary call may take, and how long a pull may stay without a word, in milliseconds. */
const callBound = 60_000;
const silenceBound = 120_000;

/**
 * Opens the Docker engine that the docker command would use, and asks it for its version. The only importer of dockerode, which loads here (140 ms).
 * Throws BAN-E202 when it does not answer.
 */
export async function openEngine(surroundings: EngineSurroundings, signal?: AbortSignal): Promise<ContainerEngine> {
  const engine = await connectEngine(await findEngineHost(surroundings));
  await engine.facts(signal);
  return engine;
}

/** The engine at a known address; nothing is sent yet. */
export async function connectEngine(host: EngineHost): Promise<ContainerEngine> {
  const options = await connectionOptions(host);
  const { default: Docker } = await import('dockerode');
  const docker = new Docker(options);
  const call = boundedCalls(host);
  return {
    address: host.address,
    onThisMachine: /^(unix|npipe):/.test(host.address),
    facts: (signal) =>
      call({ verb: 'reach', subject: 'the engine' }, signal, async (abortSignal) => readFacts(docker, abortSignal)),
    images: images(docker, host, call),
    containers: containers(docker, host, call),
    networks: networks(docker, call),
  };
}

type Call = <T>(
  action: EngineAction,
  signal: AbortSignal | undefined,
  run: (abortSignal: AbortSignal) => Promise<T>,
  bound?: number,
) => Promise<T>;

/** Gives every call a bound, the caller's abort and one way to fail. */
function boundedCalls(host: EngineHost): Call {
  return async (action, signal, run, bound = callBound) => {
    refuseAborted(signal);
    const timeout = AbortSignal.timeout(bound);
    try {
      return await run(signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    } catch (error) {
      if (signal?.aborted === true) throw new Interrupted();
      if (timeout.aborted)
        throw engineFailure(
          new Error(`no answer to "${action.verb} ${action.subject}" within ${bound / 1000} s`),
          action,
          host,
        );
      throw error instanceof UserError ? error : engineFailure(error, action, host);
    }
  };
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new Interrupted();
}

/** Every option is named, since dockerode fills what is missing from DOCKER_HOST. */
async function connectionOptions({ address, certificates }: EngineHost): Promise<Dockerode.DockerOptions> {
  const local = /^(?:unix|npipe):\/\/(?<path>.+)$/.exec(address)?.groups?.['path'];
  // biome-ignore lint/suspicious/noExplicitAny: dockerode's types forbid the `undefined` that its own code needs to forget DOCKER_HOST
  if (local !== undefined) return { socketPath: local, host: undefined as any };
  if (!URL.canParse(address)) throw unusable(address);
  const url = new URL(address);
  const port = url.port === '' ? undefined : Number(url.port);
  if (url.protocol === 'ssh:') {
    const agent = process.env['SSH_AUTH_SOCK'];
    return {
      protocol: 'ssh',
      host: url.hostname,
      port: port ?? 22,
      username: url.username,
      ...(agent === undefined ? {} : { sshOptions: { agent } }),
    };
  }
  if (url.protocol !== 'tcp:' && url.protocol !== 'http:' && url.protocol !== 'https:') throw unusable(address);
  const secure = url.protocol === 'https:' || certificates !== undefined || port === 2376;
  const keys = certificates === undefined ? {} : await readCertificates(certificates);
  return { protocol: secure ? 'https' : 'http', host: url.hostname, port: port ?? (secure ? 2376 : 2375), ...keys };
}

function unusable(address: string): UserError {
  return new UserError('BAN-E202', `"${address}" is no address of a Docker engine`, {
    hint: 'set DOCKER_HOST to unix:///path, tcp://host:port or ssh://user@host, or unset it',
  });
}

async function readCertificates(folder: string): Promise<{ ca: Buffer; cert: Buffer; key: Buffer }> {
  const read = async (name: string): Promise<Buffer> =>
    readFile(join(folder, name)).catch((error: unknown) => {
      throw new UserError('BAN-E003', `${join(folder, name)} cannot be read`, {
        hint: "it belongs to the Docker engine's TLS certificates (DOCKER_CERT_PATH)",
        cause: error,
      });
    });
  const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')]);
  return { ca, cert, key };
}

async function readFacts(docker: Dockerode, abortSignal: AbortSignal): Promise<EngineFacts> {
  const schema = v.object({ Version: v.string(), Os: v.string(), Arch: v.string() });
  const version = v.parse(schema, await readPath(docker, '/version', abortSignal));
  const info = v.parse(v.object({ NCPU: v.optional(v.number(), 1) }), await readPath(docker, '/info', abortSignal));
  return { version: version.Version, platform: `${version.Os}/${version.Arch}`, cpus: info.NCPU };
}

/** Reads one path of the API: for what dockerode can abort but its types cannot. */
function readPath(docker: Dockerode, path: string, abortSignal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = { path, method: 'GET', abortSignal, statusCodes: { 200: true, 500: 'server error' } };
    docker.modem.dial(request, (error: Error | null, answer: unknown) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
}

const progressSchema = v.object({
  status: v.optional(v.string()),
  id: v.optional(v.string()),
  error: v.optional(v.string()),
});

function images(docker: Dockerode, host: EngineHost, call: Call): EngineImages {
  return {
    async pull(reference, { platform, credentials, onProgress, signal } = {}) {
      const action: EngineAction = { verb: 'pull', subject: reference };
      refuseAborted(signal);
      const silence = new AbortController();
      const timer = setTimeout(() => silence.abort(), silenceBound);
      const abortSignal = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
      try {
        const stream = await docker.pull(reference, {
          abortSignal,
          ...(platform === undefined ? {} : { platform }),
          ...(credentials === undefined ? {} : { authconfig: registryAuthentication(credentials) }),
        });
        await new Promise<void>((resolve, reject) => {
          let failure: Error | undefined;
          docker.modem.followProgress(
            stream,
            (error: Error | null) => {
              // A connection that closes early ends the progress without an error, too.
              const cause = error ?? failure ?? (abortSignal.aborted ? new Error('aborted') : undefined);
              if (cause === undefined) resolve();
              else reject(cause);
            },
            (raw: unknown) => {
              timer.refresh();
              const progress = v.parse(progressSchema, raw);
              if (progress.error !== undefined) failure = new PullProgressError(progress.error);
              else if (progress.status !== undefined)
                onProgress?.(progress.id === undefined ? progress.status : `${progress.id}: ${progress.status}`);
            },
          );
        });
      } catch (error) {
        if (signal?.aborted === true) throw new Interrupted();
        const stalled = silence.signal.aborted;
        throw engineFailure(
          stalled ? new PullProgressError(`i/o timeout: the engine said nothing for ${silenceBound / 1000} s`) : error,
          action,
          host,
        );
      } finally {
        clearTimeout(timer);
      }
    },
    async inspect(reference, signal) {
      const schema = v.object({
        Id: v.string(),
        Os: v.string(),
        Architecture: v.string(),
        Variant: v.optional(v.string()),
        Config: v.nullish(v.object({ Env: v.nullish(v.array(v.string())) })),
      });
      return call({ verb: 'inspect', subject: reference }, signal, (abortSignal) =>
        absentIs404(async () => {
          const { Id, Os, Architecture, Variant, Config } = v.parse(
            schema,
            await readPath(docker, `/images/${reference}/json`, abortSignal),
          );
          const platform = [Os, Architecture, ...(Variant ? [Variant] : [])].join('/');
          const variables = (Config?.Env ?? []).map((line) => [
            line.split('=', 1)[0],
            line.slice(line.indexOf('=') + 1),
          ]);
          return { id: Id, platform, environment: Object.fromEntries(variables) };
        }),
      );
    },
  };
}

/** `undefined` where the engine says 404; anything else is thrown on. */
async function absentIs404<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Runs a change that is quiet where its goal is reached already (304 stopped, 404 gone, 409 being removed). */
async function quietWhenDone(change: () => Promise<unknown>): Promise<void> {
  try {
    await change();
  } catch (error) {
    const status = statusOf(error);
    if (status !== 304 && status !== 404 && status !== 409) throw error;
  }
}

function containers(docker: Dockerode, host: EngineHost, call: Call): EngineContainers {
  return {
    create: (plan, signal) =>
      call(
        { verb: 'create', subject: plan.name },
        signal,
        async (abortSignal) => (await docker.createContainer({ ...createOptions(plan), abortSignal })).id,
      ),
    start: (id, signal) =>
      call({ verb: 'start', subject: shorten(id) }, signal, (abortSignal) =>
        quietWhenStarted(() => docker.getContainer(id).start({ abortSignal })),
      ),
    stop: (id, graceSeconds, signal) =>
      call(
        { verb: 'stop', subject: shorten(id) },
        signal,
        (abortSignal) => quietWhenDone(() => docker.getContainer(id).stop({ t: graceSeconds, abortSignal })),
        callBound + graceSeconds * 1000,
      ),
    remove: (id, signal) =>
      call({ verb: 'remove', subject: shorten(id) }, signal, (abortSignal) =>
        quietWhenDone(() => docker.getContainer(id).remove({ force: true, v: true, abortSignal })),
      ),
    inspect: (id, signal) =>
      call({ verb: 'inspect', subject: shorten(id) }, signal, (abortSignal) =>
        absentIs404(async () => decodeState(await docker.getContainer(id).inspect({ abortSignal }))),
      ),
    async wait(id, signal) {
      refuseAborted(signal);
      try {
        return v.parse(
          v.object({ StatusCode: v.number() }),
          await docker.getContainer(id).wait({ abortSignal: signal }),
        ).StatusCode;
      } catch (error) {
        if (signal.aborted) throw new Interrupted();
        throw engineFailure(error, { verb: 'watch', subject: shorten(id) }, host);
      }
    },
    logs: (id, query, signal) => readLog(docker, host, call, id, query, signal),
    list: (label, value, signal) =>
      call({ verb: 'list', subject: 'containers' }, signal, async (abortSignal) => {
        const all = await docker.listContainers({ all: true, filters: { label: [`${label}=${value}`] }, abortSignal });
        return all.map(({ Id, Names, Labels, State }) => ({
          id: Id,
          name: (Names[0] ?? '').replace(/^\//, ''),
          labels: Labels,
          running: State === 'running',
        }));
      }),
  };
}

/** Ids are long; sentences show what `docker ps` shows. Names stay whole. */
function shorten(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id;
}

async function quietWhenStarted(start: () => Promise<unknown>): Promise<void> {
  try {
    await start();
  } catch (error) {
    if (statusOf(error) !== 304) throw error;
  }
}

async function* readLog(
  docker: Dockerode,
  host: EngineHost,
  call: Call,
  id: string,
  { follow = false, since, tail }: EngineLogQuery,
  signal?: AbortSignal,
): AsyncGenerator<EngineLogLine, void> {
  const action: EngineAction = { verb: 'read the log of', subject: shorten(id) };
  const options = {
    stdout: true,
    stderr: true,
    timestamps: true,
    ...(since === undefined ? {} : { since: since / 1000 }),
    ...(tail === undefined ? {} : { tail }),
  };
  if (!follow) {
    const bytes = await call(action, signal, (abortSignal) =>
      emptyWhenGone(() => docker.getContainer(id).logs({ ...options, follow: false, abortSignal })),
    );
    // An empty log is decoded by dockerode as an empty string.
    if (bytes.length > 0) yield* readLogLines(Readable.from([bytes]));
    return;
  }
  try {
    const stream = await docker
      .getContainer(id)
      .logs({ ...options, follow: true, ...(signal === undefined ? {} : { abortSignal: signal }) });
    yield* readLogLines(Readable.from(stream));
  } catch (error) {
    if (signal?.aborted === true || isGone(error)) return;
    throw engineFailure(error, action, host);
  }
}

/** A container that is gone (404) or just going (409) has no log any more. */
function isGone(error: unknown): boolean {
  const status = statusOf(error);
  return status === 404 || status === 409;
}

async function emptyWhenGone(read: () => Promise<Buffer>): Promise<Buffer> {
  try {
    return await read();
  } catch (error) {
    if (isGone(error)) return Buffer.alloc(0);
    throw error;
  }
}

function networks(docker: Dockerode, call: Call): EngineNetworks {
  return {
    create: (name, labels, signal) =>
      call({ verb: 'create', subject: `the network ${name}` }, signal, async (abortSignal) => {
        const network = await docker.createNetwork({
          Name: name,
          Driver: 'bridge',
          Labels: { ...labels },
          abortSignal,
        });
        const schema = v.object({
          IPAM: v.object({ Config: v.nullish(v.array(v.object({ Gateway: v.optional(v.string()) }))) }),
        });
        const { IPAM } = v.parse(schema, await readPath(docker, `/networks/${network.id}`, abortSignal));
        const gateway = IPAM.Config?.find((config) => config.Gateway !== undefined)?.Gateway;
        if (gateway === undefined) throw new Error(`the network ${name} has no gateway address`);
        return { id: network.id, gateway };
      }),
    remove: (id, signal) =>
      call({ verb: 'remove', subject: `the network ${shorten(id)}` }, signal, (abortSignal) =>
        quietWhenDone(() => docker.getNetwork(id).remove({ abortSignal })),
      ),
    list: (label, value, signal) =>
      call({ verb: 'list', subject: 'networks' }, signal, async (abortSignal) =>
        (await docker.listNetworks({ filters: { label: [`${label}=${value}`] }, abortSignal })).map(
          (network) => network.Id,
        ),
      ),
  };
}
