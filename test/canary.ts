import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The value of every secret in test/canary.test.ts. */
export const canary = 'canary-4f0c81-seen-by-nobody';

/** Words that stand for secrets in the tests: no run of the program may print one, in any test (test/e2e/program.ts and test/commands/in-process.ts look). */
const secretWords = [canary, 'not-a-secret'];

/** How a secret may be written: as it is, in a URL, in base64 alone or behind `admin:`, in JSON. */
const forms = secretWords.flatMap((word) => [
  word,
  Buffer.from(word).toString('base64').replace(/=+$/, '').slice(0, -1),
  Buffer.from(`admin:${word}`).toString('base64').replace(/=+$/, '').slice(0, -1),
  Buffer.from(word).toString('hex'),
  encodeURIComponent(word),
]);

/** Throws if a text (bytes: read as Latin-1) holds one of the tests' secrets in any form. */
export function assertNoSecret(text: string | Uint8Array, where: string): void {
  const whole = typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
  const found = forms.find((form) => whole.includes(form));
  if (found === undefined) return;
  const at = whole.indexOf(found);
  assert.fail(`${where} holds a secret: …${whole.slice(Math.max(0, at - 80), at)}[${found}]`);
}

/** Files below a folder that hold a secret, apart from those in which the test itself put one. */
export async function assertNoSecretBelow(folder: string, planted: readonly string[]): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    assertNoSecret(entry.name, `the name of ${entry.parentPath}`);
    if (!entry.isFile() || planted.some((each) => path === each || path.startsWith(`${each}/`))) continue;
    assertNoSecret(await readFile(path), path);
  }
}

/** A folder for the front of PATH, whose programs write down how they are called and then are the real ones. */
export interface RecordedPrograms {
  readonly path: string;
  /** Every command line so far, words separated by spaces. */
  commandLines(): Promise<readonly string[]>;
}

/** Makes one. `own`: the shell text of programs that are not on PATH. */
export async function recordPrograms(
  folder: string,
  names: readonly string[],
  own: Readonly<Record<string, string>> = {},
): Promise<RecordedPrograms> {
  const log = join(folder, 'command-lines');
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(log, '');
  const path = process.env['PATH'] ?? '';
  for (const name of [...names, ...Object.keys(own)]) {
    // The real one is found on the PATH without this folder; a plugin of docker sees the same PATH.
    const rest = own[name] ?? `PATH='${path}' exec ${name} "$@"`;
    await writeFile(join(bin, name), `#!/bin/sh\nprintf '%s ' '${name}' "$@" >> '${log}'; echo >> '${log}'\n${rest}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return {
    path: `${bin}${delimiter}${path}`,
    commandLines: async () => (await readFile(log, 'utf8')).split('\n').filter((line) => line !== ''),
  };
}

/** What everybody on this machine could read. */
export interface WatchedProcesses extends Disposable {
  /** How many command lines of others than this process's own children were looked at. */
  readonly seen: number;
  /** The first command line with a secret. */
  readonly found: string | undefined;
}

/**
 * Looks at the command lines of all processes (Linux: /proc) every few milliseconds, for programs that are started past PATH. Left out are
 * the direct children of this process: a test may call bantam itself with a secret in a wrong place.
 */
export function watchCommandLines(): WatchedProcesses {
  const state: { seen: Set<string>; found: string | undefined } = { seen: new Set(), found: undefined };
  const look = (): void => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
        if (line === '' || state.seen.has(line)) continue;
        const [, parent] = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
        if (Number(parent) === process.pid) continue;
        state.seen.add(line);
        if (forms.some((form) => line.includes(form))) state.found ??= line;
      } catch {
        // It ended meanwhile.
      }
    }
  };
  const timer = process.platform === 'linux' ? setInterval(look, 15) : undefined;
  return {
    get seen() {
      return state.seen.size;
    },
    get found() {
      return state.found;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
