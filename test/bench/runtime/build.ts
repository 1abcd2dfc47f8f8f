import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundle, compile, type Ended, makeContext } from '../../templates/build-context.ts';
import type { Contestant, ContestantName } from './contestant.ts';
import { isMissing, orMissing } from './generators.ts';
import { intoTree, readImageCommand } from './image-command.ts';
import {
  behind,
  compileGoPrograms,
  findWatchdog,
  installExpress,
  programs,
  requireGo,
  type Watchdog,
} from './peers.ts';

export interface BuildOptions {
  /** The Node program that runs the contestants of TypeScript. */
  readonly node: string;
  readonly only: readonly ContestantName[];
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What is measured, and why some of it is not. */
export interface Built {
  readonly contestants: readonly (Contestant & { readonly name: ContestantName })[];
  readonly missing: Readonly<Partial<Record<ContestantName, string>>>;
  /** The program in front of the official shapes; undefined without one of them. */
  readonly watchdog: Watchdog | undefined;
}

type Recipe = () => Promise<Omit<Contestant, 'name'>>;

/** Builds every contestant that can be built here: the templates by their own build, the others into the cache. */
export async function buildContestants(options: BuildOptions): Promise<Built> {
  const go = once(() => compileGoPrograms(options));
  const watchdog = once(() => findWatchdog(go));
  const typescript = once(() => buildTypeScript(options));
  const express = once(() => installExpress(options));
  const recipes: Record<ContestantName, Recipe> = {
    'bantam-ts': () => typescript(),
    'bantam-ts-unguarded': async () => withSetting(await typescript(), 'isolation', 'none'),
    'bare-node': async () => ({
      program: options.node,
      argv: [join(programs, 'bare-node.mjs')],
      folder: programs,
      environment: ({ port }) => ({ port: String(port), NODE_ENV: 'production' }),
    }),
    'official-node': async () => behind(await watchdog(), 'node index.js', await express(), dirname(options.node)),
    'bantam-go': () => buildGo(options),
    'bare-go': async () => ({
      program: join(await go(), 'bare'),
      argv: [],
      folder: await go(),
      environment: ({ port }) => ({ port: String(port), GOMAXPROCS: '1' }),
    }),
    'official-go': async () => behind(await watchdog(), './handled', await go()),
  };
  const contestants: (Contestant & { name: ContestantName })[] = [];
  const missing: Partial<Record<ContestantName, string>> = {};
  for (const name of options.only) {
    options.report(`building ${name}`);
    const made = await orMissing(recipes[name], options.signal);
    if (isMissing(made)) missing[name] = made.missing;
    else contestants.push({ name, ...made });
  }
  const needsWatchdog = contestants.some(({ name }) => name.startsWith('official-'));
  return { contestants, missing, watchdog: needsWatchdog ? await watchdog() : undefined };
}

/** Makes something when it is first wanted, and only then. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function withSetting(contestant: Omit<Contestant, 'name'>, name: string, value: string): Omit<Contestant, 'name'> {
  return { ...contestant, environment: (ports) => ({ ...contestant.environment(ports), [name]: value }) };
}

function requireSuccess({ code, output, ...rest }: Ended & { root: string }): string {
  if (code !== 0) throw new Error(output);
  return rest.root;
}

async function buildTypeScript({ node }: BuildOptions): Promise<Omit<Contestant, 'name'>> {
  const handler = await readFile(join(programs, 'bantam-handler.ts'), 'utf8');
  const context = await makeContext('bantam-ts', { 'handler.ts': handler });
  return startedAsImage(context, requireSuccess(await bundle(context)), { node });
}

async function buildGo({ node }: BuildOptions): Promise<Omit<Contestant, 'name'>> {
  requireGo();
  const context = await makeContext('bantam-go', {
    'handler.go': await readFile(join(programs, 'go/function/handler.go'), 'utf8'),
    'go.mod': 'module handler/function\n\ngo 1.25.0\n',
  });
  return startedAsImage(context, requireSuccess(await compile(context)), { node, GOMAXPROCS: '1' });
}

/** The process that the image of this context starts, out of the tree that its build made. */
async function startedAsImage(
  context: string,
  root: string,
  { node, ...settings }: { readonly node: string } & Record<string, string>,
): Promise<Omit<Contestant, 'name'>> {
  const { command, environment } = readImageCommand(await readFile(join(context, 'Dockerfile'), 'utf8'));
  const [program = '', ...argv] = command.map((argument) => intoTree(root, argument));
  return {
    program: program === 'node' ? node : program,
    argv,
    folder: root,
    environment: ({ port, metrics }) => ({
      ...environment,
      ...settings,
      BANTAM_HOST: '127.0.0.1',
      port: String(port),
      metrics_port: String(metrics),
    }),
  };
}
