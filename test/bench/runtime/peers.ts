import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from '../../bed/cache.ts';
import { run } from '../../bed/program.ts';
import { hasGo } from '../../templates/build-context.ts';
import type { Contestant } from './contestant.ts';
import { isFree } from './subject.ts';

/** Folder of the programs that the bench itself brings. */
export const programs = fileURLToPath(new URL('programs', import.meta.url));

/** Who hears what is downloaded and compiled, and what stops it. */
interface Work {
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Throws where nothing of Go can be compiled. */
export function requireGo(): void {
  if (!hasGo) throw new Error('needs Go, and there is no go on PATH');
}

/** The program in front of an official shape. */
export interface Watchdog {
  readonly program: string;
  readonly description: string;
  /** Our own stand-in: what is compared with it is not compared with what people run. */
  readonly isOurs: boolean;
}

/** The real of-watchdog listens here, whatever it is told. */
const watchdogMetricsPort = 8081;

/** `BANTAM_OF_WATCHDOG`, else of-watchdog of PATH, else our own small one; that too where the real one lacks its port. */
export async function findWatchdog(go: () => Promise<string>): Promise<Watchdog> {
  const named = process.env['BANTAM_OF_WATCHDOG'] || 'of-watchdog';
  const version = await run(named, ['--version']).catch(() => undefined);
  if (version === undefined && process.env['BANTAM_OF_WATCHDOG'])
    throw new Error(`BANTAM_OF_WATCHDOG is ${named}, and that does not run`);
  if (version !== undefined && (await isFree(watchdogMetricsPort))) {
    const number = /\d+\.\d+\.\d+\S*/.exec(version)?.[0] ?? '(a build that does not know its version)';
    return { program: named, description: `the real of-watchdog ${number}`, isOurs: false };
  }
  const reason =
    version === undefined
      ? 'the real of-watchdog is not on PATH, and BANTAM_OF_WATCHDOG is not set'
      : `the real of-watchdog needs port ${watchdogMetricsPort}, and something else listens there`;
  return { program: join(await go(), 'watchdog'), description: `our own small watchdog (${reason})`, isOurs: true };
}

/** A watchdog in front of a process, with the settings of the official images. */
export function behind(
  watchdog: Watchdog,
  command: string,
  folder: string,
  path: string | undefined = undefined,
): Omit<Contestant, 'name'> {
  return {
    program: watchdog.program,
    argv: [],
    folder,
    environment: ({ port, metrics, inner }) => ({
      PATH: [...(path === undefined ? [] : [path]), process.env['PATH'] ?? ''].join(delimiter),
      GOMAXPROCS: '1',
      mode: 'http',
      fprocess: command,
      upstream_url: `http://127.0.0.1:${inner}`,
      http_port: String(inner),
      port: String(port),
      metrics_port: String(metrics),
      exec_timeout: '10s',
      write_timeout: '15s',
      read_timeout: '15s',
      prefix_logs: 'false',
    }),
  };
}

async function contentsOf(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const entries = names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** The folder of the Express server with its packages, those of its lock file. */
export async function installExpress({ report, signal }: Work): Promise<string> {
  const from = join(programs, 'express');
  const names = ['index.js', 'handler.js', 'package.json', 'package-lock.json'];
  const { folder } = await cached('bench-express', await contentsOf(from, names), async (target) => {
    report('installing express and body-parser (npm)');
    for (const name of names) await copyFile(join(from, name), join(target, name));
    const argv = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', argv, { cwd: target, timeout: 180_000, signal });
    return { lock: 'package-lock.json' };
  });
  return folder;
}

/** The folder of the compiled programs `bare`, `handled` and `watchdog`. */
export async function compileGoPrograms({ report, signal }: Work): Promise<string> {
  requireGo();
  const from = join(programs, 'go');
  const names = (await readdir(from, { recursive: true })).filter((name) => /\.(go|mod)$/.test(name)).sort();
  const version = await run('go', ['version'], { signal });
  const recipe = { version, files: await contentsOf(from, names) };
  const { folder } = await cached('bench-go', recipe, async (target) => {
    report('compiling the Go programs of the bench');
    await mkdir(target, { recursive: true });
    const argv = [
      'go',
      'build',
      '-trimpath',
      '-ldflags=-s -w',
      '-o',
      `${target}/`,
      './bare',
      './handled',
      './watchdog',
    ];
    const environment = { GOFLAGS: '', GOWORK: 'off', CGO_ENABLED: '0' };
    await run('nice', argv, { cwd: from, environment, timeout: 300_000, signal });
    return { go: version };
  });
  return folder;
}
