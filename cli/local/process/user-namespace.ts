import { UserError } from '../../errors.ts';
import type { ImageConfig } from '../../oci/config.ts';
import type { FunctionDeployment } from '../../openfaas/wire.ts';
import { runProgram } from '../../tools/exec.ts';
import { type Launch, type LaunchSurroundings, ownVariables, readVariables } from './launch.ts';

/** Folders and files that an engine gives to every container, and that an image need not have. */
export const givenFolders = ['dev', 'proc', 'sys', 'tmp', 'etc', 'var/openfaas/secrets'];
export const givenFiles = ['etc/resolv.conf', 'etc/hosts'];

/** Where functions find their secrets (OpenFaaS convention). */
const secretsInside = '/var/openfaas/secrets';
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A namespace of users, in which this one is root, of mounts, and of processes, of which all end with the first one. */
const namespaces = ['--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child'];

/**
 * The function's variables wait under names with a number until all is ready. A shell would lose those whose name it does not like (`a.b`) and change
 * those that it uses itself, and the programs of this machine that it starts would follow what is meant for the image's (LD_PRELOAD).
 */
const variablePrefix = 'BANTAM_VARIABLE_';

/** As much as a start of a namespace takes, with much patience. Milliseconds. */
const bound = 10_000;

/**
 * Makes the image's folder the root of a new mount namespace: write-protected unless `$write` says so, with a folder for temporary files in memory,
 * and with devices, processes, names and secrets as a container has them. Gets all that it needs as arguments: nothing is pasted into it.
 */
const script = `set -e
root=$1 directory=$2 secrets=$3 write=$4 left=$5
shift 5
enter=$(command -v unshare)
give=$(command -v env)
mount --bind "$root" "$root"
if test "$write" = no; then
  mount -o remount,bind,ro "$root" || mount -o remount,bind,ro,nosuid,nodev "$root"
fi
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc" || mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$secrets" "$root${secretsInside}"
mount -o remount,bind,ro "$root${secretsInside}" || mount -o remount,bind,ro,nosuid,nodev "$root${secretsInside}"
for file in ${givenFiles.map((file) => `/${file}`).join(' ')}; do
  if test -e "$file"; then mount --bind "$file" "$root$file"; fi
done
set -- "$enter" "--root=$root" "--wd=$directory" -- "$@"
while test "$left" -gt 0; do
  left=$((left - 1))
  eval "set -- \\"\\$${variablePrefix}$left\\" \\"\\$@\\""
done
exec "$give" -i -- "$@"`;

/** Why this user cannot make such a namespace here, in the system's words; `undefined` if that works. */
export async function whyNoNamespace(signal: AbortSignal): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'this machine is no Linux';
  const tried = await runProgram('unshare', [...namespaces, '--', 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp'], {
    signal,
    timeout: bound,
  });
  if (tried.missing) return 'the program unshare is not installed (package util-linux)';
  if (tried.timedOut) return `unshare did not end within ${bound / 1000} s`;
  return tried.exitCode === 0 ? undefined : tried.stderr.trim() || `unshare ended with exit code ${tried.exitCode}`;
}

/** The fault of an image that needs a namespace which cannot be had. */
export function needsContainer(image: string, reason: string): UserError {
  return new UserError(
    'BAN-E612',
    `${image} is not of bantam's templates and needs a root folder of its own: ${reason}`,
    {
      hint: 'run it in a container: bantam local up --provider docker',
    },
  );
}

/**
 * Decides how the program of any image is started with the image as its root. It runs as root of its namespace, which is this user outside, and on
 * this machine's network. Pure. Throws BAN-E611 if the image names no program.
 */
export function planNamespaceLaunch(
  { config }: Pick<ImageConfig, 'config'>,
  deployment: FunctionDeployment,
  { root, secrets, ...surroundings }: LaunchSurroundings,
): Launch {
  const command = [...config.Entrypoint, ...config.Cmd];
  if (command.length === 0)
    throw new UserError('BAN-E611', `the image ${deployment.image} names no program to start`, {
      hint: "look at the Dockerfile's ENTRYPOINT and CMD",
    });
  const own = ownVariables({ ...surroundings, secrets: secretsInside });
  const variables = Object.entries({
    HOME: '/root',
    PATH: usualPath,
    ...readVariables(config.Env),
    ...deployment.envVars,
    ...(deployment.envProcess ? { fprocess: deployment.envProcess } : {}),
    ...own,
  }).map(([name, value], index): [string, string] => [`${variablePrefix}${index}`, `${name}=${value}`]);
  const directory = config.WorkingDir || '/';
  const write = deployment.readOnlyRootFilesystem === false ? 'yes' : 'no';
  return {
    program: 'unshare',
    named: undefined,
    words: [
      ...[...namespaces, '--', '/bin/sh', '-c', script, 'sh', root, directory, secrets, write],
      ...[String(variables.length), ...command],
    ],
    workingDirectory: root,
    // With the provider's own, by which its processes are found.
    environment: { ...Object.fromEntries(variables), ...own, PATH: usualPath },
  };
}
