import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { UsageError } from './usage-error.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What is asked of the program, and how many times as long as `node -e 0` it may take; without a number it is only shown. */
const questions: readonly { readonly argv: readonly string[]; readonly most?: number }[] = [
  { argv: ['--version'], most: 1.5 },
  { argv: ['--help'], most: 2 },
  { argv: ['fn', 'deploy', '--help'] },
  { argv: ['__complete', '--', 'fn', ''] },
];

/** How often each is run, and with which Node. */
export interface StartOptions {
  readonly rounds: number;
  readonly node: string;
}

/** Reads the options of `npm run bench -- start`. Throws UsageError. */
export function readStartOptions(argv: readonly string[], node: string): StartOptions {
  const { values } = parse(argv);
  const rounds = Number(values.rounds ?? '25');
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError('--rounds takes a whole number from 1');
  return { rounds, node: values.node ?? node };
}

function parse(argv: readonly string[]): { readonly values: { readonly rounds?: string; readonly node?: string } } {
  try {
    return parseArgs({ args: [...argv], options: { rounds: { type: 'string' }, node: { type: 'string' } } });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Runs bare Node and each question in turns, so that a busy moment meets all of them, and compares the quickest runs: what a machine can do
 * when nothing else is going on. The median is shown beside it. Returns the lines to show.
 */
export async function benchStart({ rounds, node }: StartOptions, signal: AbortSignal): Promise<string> {
  await promisify(execFile)(process.execPath, [join(root, 'scripts/build.mjs')], { signal });
  const program = join(root, 'dist/main.js');
  const contestants = [{ argv: ['-e', '0'] }, ...questions.map(({ argv }) => ({ argv: [program, ...argv] }))];
  const times = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1)
    for (const [index, { argv }] of contestants.entries()) times[index]?.push(await timeOf(node, argv, signal));
  const figures = times.map(figuresOf);
  const bare = figures[0] ?? { least: Number.NaN, median: Number.NaN };
  return [
    `node -e 0                     ${milliseconds(bare.least)}  (median ${milliseconds(bare.median)}), ${rounds} rounds`,
    ...questions.map(({ argv, most }, index) => {
      const { least, median } = figures[index + 1] ?? { least: Number.NaN, median: Number.NaN };
      const ratio = least / bare.least;
      const verdict =
        most === undefined ? '' : ratio <= most ? `  ok (at most ${most})` : `  too slow (at most ${most})`;
      return `bantam ${argv.join(' ').padEnd(22)} ${milliseconds(least)}  (median ${milliseconds(median)})  ${ratio.toFixed(2)} x${verdict}`;
    }),
  ].join('\n');
}

async function timeOf(node: string, argv: readonly string[], signal: AbortSignal): Promise<number> {
  const began = performance.now();
  const child = spawn(node, argv, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], signal });
  child.stdout.resume();
  const [code] = await once(child, 'close', { signal });
  if (code !== 0) throw new Error(`node ${argv.join(' ')} ended with ${code}`);
  return performance.now() - began;
}

function figuresOf(times: readonly number[]): { readonly least: number; readonly median: number } {
  const sorted = [...times].sort((left, right) => left - right);
  return { least: sorted[0] ?? Number.NaN, median: sorted[sorted.length >> 1] ?? Number.NaN };
}

function milliseconds(value: number): string {
  return `${value.toFixed(0).padStart(4)} ms`;
}
