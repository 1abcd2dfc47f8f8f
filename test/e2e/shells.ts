import { spawn } from 'node:child_process';
import { access, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { cached } from '../bed/cache.ts';
import { Archives, debianReason } from '../bed/debian.ts';
import { root } from './program.ts';

/** A real shell, with what its program needs to find its own parts. `prepare`: lines to type before it can complete. */
export interface RealShell {
  readonly program: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly prepare: readonly string[];
}

const debianPackages = {
  bash: [],
  zsh: ['zsh', 'zsh-common'],
  fish: ['fish', 'fish-common', 'libpcre2-32-0'],
} as const;

/** The machine's own shell, else one unpacked from Debian's packages into the bed's cache. Throws with the reason when there is neither. */
export async function findShell(name: 'bash' | 'zsh' | 'fish'): Promise<RealShell> {
  const own = await onPath(name);
  if (own !== undefined) return describeShell(name, own, undefined);
  const reason = await debianReason();
  const packages = debianPackages[name];
  if (reason !== undefined || packages.length === 0)
    throw new Error(`there is no ${name} here, and unpacking one ${reason ?? ''}`);
  const { folder } = await cached(`shell-${name}`, { packages }, async (into) => {
    const archives = new Archives(undefined);
    try {
      return await archives.unpack('bookworm', packages, into);
    } finally {
      await archives.close();
    }
  });
  return await describeShell(name, join(folder, name === 'zsh' ? 'bin/zsh' : `usr/bin/${name}`), folder);
}

async function onPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, name);
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

async function describeShell(name: string, program: string, folder: string | undefined): Promise<RealShell> {
  const libraries = folder === undefined ? undefined : await foldersOf(join(folder, 'usr/lib'), 1);
  const environment: Record<string, string> =
    libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries.join(delimiter) };
  if (name === 'bash') return { program, argv: ['--norc', '--noprofile', '-i'], environment, prepare: [] };
  if (name === 'fish') {
    const functions = folder === undefined ? undefined : join(folder, 'usr/share/fish/functions');
    return {
      program,
      argv: [],
      environment,
      prepare: functions === undefined ? [] : [`set -p fish_function_path ${functions}`],
    };
  }
  const modules = (libraries ?? []).map((library) => join(library, 'zsh/5.9'));
  if (folder !== undefined)
    environment['FPATH'] = (await foldersOf(join(folder, 'usr/share/zsh/functions'), 3)).join(delimiter);
  return {
    program,
    argv: ['-f', '-i'],
    environment,
    prepare: [
      ...(folder === undefined ? [] : [`module_path=(${modules.join(' ')})`]),
      'autoload -Uz compinit; compinit -D -u',
    ],
  };
}

async function foldersOf(folder: string, depth: number): Promise<string[]> {
  if (depth === 0) return [folder];
  const entries = await readdir(folder, { withFileTypes: true });
  const inside = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => foldersOf(join(folder, entry.name), depth - 1)),
  );
  return [folder, ...inside.flat()];
}

/** A folder with a `bantam` in it: the built program, as an installed one would be on the PATH. */
export async function installProgram(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await symlink(process.execPath, join(bin, 'node'));
  await writeFile(join(bin, 'bantam'), `#!/bin/sh\nexec node '${join(root, 'dist/main.js')}' "$@"\n`, { mode: 0o755 });
  return bin;
}

/** Types into a shell on a terminal. Each line is sent when the one before has been answered with a line that holds `ran:`. */
export async function typeInto(
  shell: RealShell,
  options: { readonly folder: string; readonly bin: string; readonly lines: readonly string[] },
): Promise<readonly string[]> {
  const words = [shell.program, ...shell.argv].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['-qec', `stty cols 200; exec ${words}`, '/dev/null'], {
    cwd: options.folder,
    env: {
      ...process.env,
      ...shell.environment,
      PATH: `${options.bin}${delimiter}${process.env['PATH'] ?? ''}`,
      HOME: join(options.folder, 'home'),
      XDG_CACHE_HOME: join(options.folder, 'cache'),
      TERM: 'dumb',
      SHELL: '/bin/sh',
      PS1: '> ',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  let wake: () => void = () => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    wake();
  });
  let ended = false;
  const closed = new Promise<void>((resolve) =>
    child.on('close', () => {
      ended = true;
      wake();
      resolve();
    }),
  );
  const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const answers: string[] = [];
  try {
    for (const line of options.lines) {
      output = '';
      child.stdin.write(`${line}\n`);
      for (let found = answerIn(output); ; found = answerIn(output)) {
        if (found !== undefined) {
          answers.push(found);
          break;
        }
        if (ended) throw new Error(`the shell ended at ${JSON.stringify(line)}: ${output}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    return answers;
  } finally {
    clearTimeout(limit);
    child.stdin.end('exit\n');
    await closed;
  }
}

/** The words that the line came to, one in angle brackets each. The line as it was typed, which the terminal echoes, holds none. */
function answerIn(output: string): string | undefined {
  return /ran:((?:<[^<>\r\n]*>)*)\r?\n/.exec(output)?.[1];
}
