import { createServer } from 'node:net';
import { type ExecaError, execa } from 'execa';

/** How a replica's container is started: as strictly as a cluster may, and only published on loopback. */
export interface ContainerWish {
  readonly image: string;
  readonly platform?: string;
  /** For example `64m`; there is no swap beside it. */
  readonly memory: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The container of one replica. It keeps its addresses over restarts. */
export interface ReplicaContainer {
  readonly id: string;
  readonly url: string;
  readonly metricsUrl: string;
  /** `docker kill --signal`. */
  signal(name: string): Promise<void>;
  /** Waits for its end (a minute at most): the exit code, and whether it ran out of memory. */
  ended(): Promise<Ending>;
  /** `docker stop`, as an engine stops it: SIGTERM, SIGKILL after 30 s. */
  stop(): Promise<Ending>;
  /** Starts it again. */
  start(): Promise<void>;
  /** The processes of the container as the machine numbers them, and the number of the first one. */
  processes(): Promise<{ readonly first: string; readonly all: readonly string[] }>;
  logs(): Promise<string>;
}

/** How a container ended. */
export interface Ending {
  readonly exitCode: number;
  readonly outOfMemory: boolean;
}

const started = new Set<string>();

/**
 * Starts a replica with another user than the image's own, a read-only root without any memory folder, no capability, no new
 * privileges, and limits for memory and processes.
 */
export async function runReplica(wish: ContainerWish): Promise<ReplicaContainer> {
  const [port, metricsPort] = await freePorts(2);
  const id = await docker([
    ...['run', '--detach', '--quiet', '--user', '12000:12000', '--read-only', '--cap-drop', 'ALL'],
    ...['--security-opt', 'no-new-privileges', '--pids-limit', '64'],
    ...['--memory', wish.memory, '--memory-swap', wish.memory],
    ...['--publish', `127.0.0.1:${port}:8080`, '--publish', `127.0.0.1:${metricsPort}:8081`],
    ...(wish.platform === undefined ? [] : ['--platform', wish.platform]),
    ...Object.entries(wish.environment ?? {}).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    wish.image,
  ]);
  started.add(id);
  const ending = async (): Promise<Ending> => {
    const state = await docker(['inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', id]);
    const [exitCode = '', outOfMemory] = state.split(' ');
    return { exitCode: Number(exitCode), outOfMemory: outOfMemory === 'true' };
  };
  return {
    id,
    url: `http://127.0.0.1:${port}`,
    metricsUrl: `http://127.0.0.1:${metricsPort}`,
    async signal(name) {
      await docker(['kill', '--signal', name, id]);
    },
    async ended() {
      await docker(['wait', id], 60_000);
      return await ending();
    },
    async stop() {
      await docker(['stop', '--time', '30', id], 60_000);
      return await ending();
    },
    async start() {
      await docker(['start', id]);
    },
    async processes() {
      const first = await docker(['inspect', '--format', '{{.State.Pid}}', id]);
      const [, ...all] = (await docker(['top', id, '-o', 'pid'])).split('\n').map((line) => line.trim());
      return { first, all };
    },
    logs: async () => await docker(['logs', id]),
  };
}

/** Removes every container that `runReplica` started. */
export async function removeReplicas(): Promise<void> {
  const ids = [...started];
  started.clear();
  if (ids.length > 0) await docker(['rm', '--force', ...ids], 60_000);
}

async function docker(argv: readonly string[], timeout = 120_000): Promise<string> {
  try {
    const { stdout, all } = await execa('docker', argv, { all: true, stdin: 'ignore', timeout });
    return argv[0] === 'logs' ? all : stdout;
  } catch (error) {
    throw new Error(`docker ${argv[0]}: ${(error as ExecaError).message}`, { cause: error });
  }
}

/** Ports nobody listens on. Fixed ones, because an engine gives a restarted container other ports else. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  return await Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      return typeof address === 'object' && address !== null ? address.port : 0;
    }),
  );
}
