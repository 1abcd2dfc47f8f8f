import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import * as v from 'valibot';
import { openBed } from '../../bed/bed.ts';
import { spreadOf } from '../spread.ts';
import { UsageError } from '../usage-error.ts';
import { makeImages } from './make-images.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** How many images are checked, and how often. */
export interface ImagesOptions {
  readonly images: number;
  readonly rounds: number;
}

/** Reads the options of `npm run bench -- images`. Throws UsageError. */
export function readImagesOptions(argv: readonly string[]): ImagesOptions {
  const options = { images: { type: 'string', default: '20' }, rounds: { type: 'string', default: '5' } } as const;
  let values: Record<'images' | 'rounds', string>;
  try {
    values = parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const numberOf = (name: 'images' | 'rounds') => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1 || value > 1000)
      throw new UsageError(`--${name} takes a number from 1 to 1000`);
    return value;
  };
  return { images: numberOf('images'), rounds: numberOf('rounds') };
}

/** Seconds that twenty images may take, cold and warm, the start of the program included. */
const mostCold = 3;
const mostWarm = 0.3;

const nodes = 'amd64,arm64,armv7';
const documentSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    images: v.array(v.object({ nodes: v.array(v.object({ answer: v.string() })) })),
    read: v.object({ requests: v.number(), bytes: v.number() }),
  }),
);

/**
 * Checks images in a real registry on loopback: `image check` as a process, with an empty cache and with a full one, and beside it crane (BANTAM_CRANE,
 * else the bed's), which reads index, manifests and configurations and believes them. Returns the lines to show.
 */
export async function benchImages(
  { images, rounds }: ImagesOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  await promisify(execFile)(process.execPath, [join(root, 'scripts/build.mjs')], { signal });
  await using bed = await openBed({ report: say, signal });
  if (bed.registry === undefined) throw new Error('there is no registry here: see the parts of `npm run bed`');
  const place = await mkdtemp(join(tmpdir(), 'bantam-bench-images-'));
  try {
    say(`filling ${bed.registry} with ${images} images`);
    const made = await makeImages(bed.registry, images, signal);
    const cold: Round[] = [];
    const warm: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      say(`round ${round + 1} of ${rounds}`);
      const cache = join(place, `cache-${round}`);
      cold.push(await checkAll(made.references, cache, place, signal));
      warm.push(await checkAll(made.references, cache, place, signal));
    }
    const lies = [...cold, ...warm].filter(({ wrong }) => wrong !== made.wrong).length;
    const bare = await repeat(rounds, () => timeOf(process.execPath, ['-e', '0'], signal));
    return [
      `${images} images of three platforms, ${made.wrong} of ${images * 3} verdicts are "does not" by construction`,
      lineOf('bantam, nothing known', cold, images === 20 ? mostCold : undefined),
      lineOf('bantam, the second time', warm, images === 20 ? mostWarm : undefined),
      `  all verdicts right in ${cold.length + warm.length - lies} of ${cold.length + warm.length} runs`,
      `node -e 0                 ${seconds(bare)}`,
      ...(await craneLines(made.references, bed.environment, signal)),
    ].join('\n');
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

interface Round {
  readonly seconds: number;
  readonly requests: number;
  readonly bytes: number;
  readonly wrong: number;
}

async function checkAll(
  references: readonly string[],
  cache: string,
  folder: string,
  signal: AbortSignal,
): Promise<Round> {
  const argv = [join(root, 'dist/main.js'), 'image', 'check', ...references, '--node', nodes, '--json'];
  const began = performance.now();
  const stdout = await outputOf(process.execPath, argv, {
    cwd: folder,
    env: { ...process.env, XDG_CACHE_HOME: cache },
    signal,
  });
  const took = (performance.now() - began) / 1000;
  const { images, read } = v.parse(documentSchema, stdout);
  const wrong = images.flatMap((image) => image.nodes).filter(({ answer }) => answer === 'does not').length;
  return { seconds: took, ...read, wrong };
}

/** What a program writes to stdout, whatever its exit code: `image check` exits with 1, as it must. */
async function outputOf(
  program: string,
  argv: readonly string[],
  options: { readonly cwd?: string; readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<string> {
  const child = spawn(program, argv, { ...options, stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await once(child, 'close', { signal: options.signal });
  return text;
}

async function timeOf(program: string, argv: readonly string[], signal: AbortSignal): Promise<number> {
  const began = performance.now();
  await outputOf(program, argv, { env: process.env, signal });
  return (performance.now() - began) / 1000;
}

async function repeat(times: number, measure: () => Promise<number>): Promise<number[]> {
  const figures: number[] = [];
  for (let index = 0; index < times; index += 1) figures.push(await measure());
  return figures;
}

function lineOf(name: string, rounds: readonly Round[], most: number | undefined): string {
  const times = rounds.map((round) => round.seconds);
  const [first] = rounds;
  // The quickest run is what the machine can do when nothing else is going on.
  const verdict =
    most === undefined
      ? ''
      : Math.min(...times) <= most
        ? `  ok (at most ${most} s)`
        : `  too slow (at most ${most} s)`;
  return `${name.padEnd(25)} ${seconds(times)}  ${first?.requests} requests, ${kilobytes(first?.bytes ?? 0)} of answers${verdict}`;
}

function seconds(times: readonly number[]): string {
  const spread = spreadOf(times);
  return spread === undefined
    ? '-'
    : `${spread.min.toFixed(2)} s (median ${spread.median.toFixed(2)}, ${spread.count} runs)`;
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`;
}

/** The peer: one process per document, as scripts around it do. */
async function craneLines(
  references: readonly string[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string[]> {
  const crane = process.env['BANTAM_CRANE'] || 'crane';
  const env = { ...process.env, ...environment };
  const began = performance.now();
  let platforms = 0;
  try {
    for (const reference of references) {
      const index: unknown = JSON.parse(await outputOf(crane, ['manifest', reference], { env, signal }));
      const { manifests } = v.parse(indexSchema, index);
      for (const { platform } of manifests) {
        if (platform.os === 'unknown') continue;
        const name = [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/');
        await outputOf(crane, ['config', '--platform', name, reference], { env, signal });
        platforms += 1;
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    return [`crane was not measured: ${error instanceof Error ? error.message : String(error)}`];
  }
  const took = (performance.now() - began) / 1000;
  return [
    `crane manifest, config     ${took.toFixed(2)} s (once, ${references.length + platforms} processes)`,
    `  it tells what indexes and configurations say: all ${platforms} platforms are there, no program was looked at`,
  ];
}

const indexSchema = v.object({
  manifests: v.array(
    v.object({ platform: v.object({ os: v.string(), architecture: v.string(), variant: v.optional(v.string()) }) }),
  ),
});
