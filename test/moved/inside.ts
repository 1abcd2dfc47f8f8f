import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A program that runs where it finds its files at the paths they have in an image. */
export interface Inside extends AsyncDisposable {
  readonly child: ChildProcess;
  output(): string;
  /** Resolves with the match; rejects when the program ends before, or takes too long. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface InsideOptions {
  /** Folders or files of this machine, by their path in there. */
  readonly mounts: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
}

const asRoot = process.getuid?.() === 0;
// Its own processes, too: all of them end with the first one.
const enter = ['--mount', '--pid', '--fork', '--kill-child', ...(asRoot ? [] : ['--map-root-user'])];

const pathInside = 'PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin';

/** Why nothing can be mounted for one process alone here; undefined where it can. */
export function whyNotInside(): string | undefined {
  const { status, stderr, error } = spawnSync('unshare', [...enter, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]);
  if (error !== undefined) return `no mount namespaces here: ${error.message}`;
  return status === 0 ? undefined : `no mount namespaces here: ${stderr.toString().trim()}`;
}

// $1: an empty folder, $2: the working directory, then pairs FROM TO up to --, then the command. The machine's own
// programs and libraries are seen, nothing else of it; all of it is gone with the process.
const script = `set -e
new=$1 folder=$2; shift 2
mount -t tmpfs -o mode=0755 tmpfs "$new"
for name in usr bin lib lib32 lib64 sbin etc dev sys; do
  if [ -L "/$name" ]; then cp -P "/$name" "$new/$name"
  elif [ -d "/$name" ]; then mkdir "$new/$name"; mount --rbind "/$name" "$new/$name"; fi
done
mkdir -m 1777 "$new/tmp"
mkdir "$new/proc"
mount -t proc proc "$new/proc"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$new$2"; else mkdir -p "$new$(dirname "$2")"; : > "$new$2"; fi
  mount --bind "$1" "$new$2"
  shift 2
done
shift
exec chroot ${asRoot ? '--userspec=1000:1000' : ''} "$new" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$folder" "$@"`;

/** Starts a program in a root of its own: `mounts`, the secrets at /var/openfaas/secrets, node in /nodejs/bin. */
export async function startInside(options: InsideOptions): Promise<Inside> {
  const place = await mkdtemp(join(tmpdir(), 'bantam-moved-'));
  await mkdir(join(place, 'root'));
  await mkdir(join(place, 'secrets'));
  for (const [name, value] of Object.entries(options.secrets)) await writeFile(join(place, 'secrets', name), value);
  const mounts = {
    ...options.mounts,
    '/nodejs/bin': dirname(process.execPath),
    '/var/openfaas/secrets': join(place, 'secrets'),
  };
  const pairs = Object.entries(mounts).flatMap(([to, from]) => [from, to]);
  const argv = [...enter, 'sh', '-c', script, 'sh', join(place, 'root'), options.workingDirectory, ...pairs, '--'];
  const environment = Object.entries(options.environment).map(([name, value]) => `${name}=${value}`);
  const child = spawn('unshare', [...argv, 'env', '-i', pathInside, ...environment, ...options.command], {
    cwd: '/',
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const look = new Set<() => void>();
  const hear = (chunk: string): void => {
    output += chunk;
    for (const each of look) each();
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  let over = false;
  const closed = once(child, 'close').then(() => {
    over = true;
    for (const each of look) each();
  });
  return {
    child,
    output: () => output,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const done = (settle: () => void): void => {
          clearTimeout(limit);
          look.delete(check);
          settle();
        };
        const limit = setTimeout(() => done(() => reject(new Error(`nothing like ${pattern} in:\n${output}`))), 15_000);
        const check = (): void => {
          const match = pattern.exec(output);
          if (match !== null) done(() => resolve(match));
          else if (over) done(() => reject(new Error(`it ended without ${pattern}:\n${output}`)));
        };
        look.add(check);
        check();
      }),
    [Symbol.asyncDispose]: async () => {
      await endAll(child);
      await closed;
      await rm(place, { recursive: true, force: true });
    },
  };
}

/** Its first process with all that it started. --kill-child alone does not do: a change of user resets it. */
async function endAll(child: ChildProcess): Promise<void> {
  const first = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').catch(() => '');
  for (const pid of first.split(' ').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
  child.kill('SIGKILL');
}
