import { basename, join } from 'node:path';
import { UserError } from '../../errors.ts';
import type { ImageConfig } from '../../oci/config.ts';
import { printable } from '../../oci/printable.ts';
import type { FunctionDeployment } from '../../openfaas/wire.ts';

/** What is started, and how. Paths are this machine's. */
export interface Launch {
  readonly program: string;
  /** What the image calls the program, if it is one of its own. */
  readonly named: string | undefined;
  readonly words: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** What a launch is decided from, besides image and deployment. */
export interface LaunchSurroundings {
  /** Folder that is the image's root. */
  readonly root: string;
  /** Whether a path of the image (absolute) is in it. */
  readonly has: (path: string) => boolean;
  /** The program that `node` means. */
  readonly node: string;
  readonly instance: string;
  readonly replica: string;
  readonly port: number;
  readonly metricsPort: number;
  /** Folders of the replica's own. */
  readonly home: string;
  readonly temporary: string;
  readonly secrets: string;
}

/** Names of variables by which processes of a local gateway are found again: its id, and the replica. */
export const instanceVariable = 'BANTAM_LOCAL';
export const replicaVariable = 'BANTAM_REPLICA';

/** Where a program that no layer holds may be on this machine. Images name such folders too. */
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Decides how the program of an image with bantam's runtime is started as a process of this machine: paths of the image become paths below `root`, `node` becomes
 * this machine's. Nothing of the gateway's own environment is in the program's. Pure. Throws BAN-E611 if there is no such program.
 */
export function planLaunch(
  config: ImageConfig,
  deployment: FunctionDeployment,
  surroundings: LaunchSurroundings,
): Launch {
  const { root, has, node } = surroundings;
  const { Entrypoint, Cmd, Env, WorkingDir } = config.config;
  const [first, ...rest] = [...Entrypoint, ...Cmd];
  const inRoot = (word: string): string => (word.startsWith('/') && has(word) ? placeIn(root, word) : word);
  const image = readVariables(Env);
  const folders = (image['PATH'] ?? usualPath).split(':');
  if (first === undefined)
    throw new UserError('BAN-E611', `the image ${deployment.image} names no program to start`, {
      hint: "look at the Dockerfile's ENTRYPOINT and CMD",
    });
  return {
    ...findProgram(first, folders, deployment.image, surroundings),
    words: rest.map(inRoot),
    workingDirectory: placeIn(root, WorkingDir),
    environment: {
      // Calls come from the gateway alone, and it has left by the time a function is told to end.
      healthcheck_interval: '500ms',
      HOME: surroundings.home,
      TMPDIR: surroundings.temporary,
      ...without(image, ['PATH', 'HOME', 'TMPDIR']),
      // The folder of this machine's Node first: handlers start it, too.
      PATH: [join(node, '..'), ...folders.map(inRoot)].join(':'),
      ...deployment.envVars,
      ...(deployment.envProcess ? { fprocess: deployment.envProcess } : {}),
      ...ownVariables(surroundings),
    },
  };
}

/** What the provider itself says to every program; nobody may change it. */
export function ownVariables({
  instance,
  replica,
  port,
  metricsPort,
  secrets,
}: Pick<LaunchSurroundings, 'instance' | 'replica' | 'port' | 'metricsPort' | 'secrets'>): Record<string, string> {
  return {
    BANTAM_HOST: '127.0.0.1',
    port: String(port),
    metrics_port: String(metricsPort),
    secret_mount_path: secrets,
    [instanceVariable]: instance,
    [replicaVariable]: replica,
  };
}

/** Where a path of the image is on this machine. Nothing is above its root, as on a machine. */
export function placeIn(root: string, path: string): string {
  return join(root, join('/', path));
}

function findProgram(
  word: string,
  folders: readonly string[],
  image: string,
  { root, has, node }: Pick<LaunchSurroundings, 'root' | 'has' | 'node'>,
): Pick<Launch, 'program' | 'named'> {
  const places = word.includes('/') ? [word] : folders.map((folder) => join(folder, word));
  const found = places.find((place) => place.startsWith('/') && has(place));
  if (found !== undefined) return { program: placeIn(root, found), named: found };
  // Wherever the base image has it: its layers are not here.
  if (basename(word) === 'node') return { program: node, named: undefined };
  throw new UserError('BAN-E611', `the image ${image} starts ${printable(word)}, which it does not hold`, {
    hint: "look at the Dockerfile's ENTRYPOINT and at the COPY that brings what it names; programs of a base image are there with bantam local up --provider docker",
  });
}

/** `NAME=value` lines; a value keeps its equals signs. */
export function readVariables(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const name = line.split('=', 1)[0] ?? '';
      return [name, line.slice(name.length + 1)];
    }),
  );
}

function without(variables: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !names.includes(name)));
}
