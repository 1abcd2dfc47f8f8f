import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Bounds, ChildFailure, ChildReport, ChildTask } from './child.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the issue asks: no crash, no hang, no more than 200 MB, Node itself included. */
export const usualBounds: Bounds = { processorSeconds: 5, seconds: 60, megabytes: 200 };

/** How one target fared. */
export type Outcome = { readonly target: string; readonly seed: number } & (
  | {
      readonly runs: number;
      readonly seconds: number;
      readonly peakMegabytes: number;
      readonly fates: Readonly<Record<string, number>>;
    }
  | { readonly failure: ChildFailure; readonly again: string }
);

/** A built fuzzer, gone with its folder after the test. */
export interface Fuzzer extends AsyncDisposable {
  /** Tries one target in a process of its own. */
  run(
    task: Omit<ChildTask, 'bounds'> & {
      /** How often too much memory may still be put down to the process. */
      readonly unproven?: number;
      readonly bounds?: Bounds;
      readonly environment?: Readonly<Record<string, string>>;
    },
    signal?: AbortSignal,
  ): Promise<Outcome>;
}

/** Bundles the fuzzer: memory is measured of a plain `node`, without a loader that compiles as it goes. */
export async function openFuzzer(): Promise<Fuzzer> {
  const folder = await mkdtemp(join(tmpdir(), 'bantam-fuzz-'));
  await build({
    absWorkingDir: root,
    entryPoints: { child: 'test/fuzz/child.ts', watchdog: 'test/fuzz/watchdog.ts' },
    outdir: join(folder, 'dist'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: ['esbuild', 'dockerode', 'classic-level'],
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  await writeFile(join(folder, 'dist', 'package.json'), '{"type":"module"}');
  const scratch = join(folder, 'scratch');
  await mkdir(scratch);
  const fuzzer: Fuzzer = {
    async run({ bounds = usualBounds, environment = {}, ...task }, signal) {
      const started = performance.now();
      const report = await runChild(
        join(folder, 'dist', 'child.js'),
        { ...task, bounds },
        { ...environment, TMPDIR: scratch },
        signal,
      );
      const outcome = { target: task.target, seed: task.seed };
      if (!('failure' in report)) return { ...outcome, ...report };
      const seed = task.seed + report.failure.offset;
      const { kind } = report.failure;
      // Memory is the whole process's, with what the system has not had back yet: what an input takes shows when it is tried alone.
      if (kind === 'memory' && task.runs === undefined && task.unproven !== 0) {
        const alone = await fuzzer.run({ ...task, bounds, environment, seed, runs: 1 }, signal);
        const seconds = task.seconds - (performance.now() - started) / 1000;
        if (!('failure' in alone) && seconds > 1)
          return await fuzzer.run(
            { ...task, bounds, environment, seed: seed + 1, seconds, unproven: (task.unproven ?? mostUnproven) - 1 },
            signal,
          );
      }
      return {
        ...outcome,
        failure: report.failure,
        again: `BANTAM_FUZZ_TARGET=${task.target} BANTAM_FUZZ_SEED=${seed} npm test -- test/fuzz`,
      };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
  return fuzzer;
}

/** A process that grows past the bound more often than this leaks, whatever each input takes alone. */
const mostUnproven = 5;

async function runChild(
  program: string,
  task: ChildTask,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<ChildReport> {
  const child = spawn(process.execPath, ['--expose-gc', '--enable-source-maps', program, JSON.stringify(task)], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: environment['TMPDIR'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  // The watchdog inside ends what hangs; this is for a child whose watchdog hangs too.
  const limit = setTimeout(() => child.kill('SIGKILL'), (task.seconds + task.bounds.seconds + 120) * 1000);
  const stop = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  const [code, ended] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...how) => resolve(how)),
  );
  clearTimeout(limit);
  signal?.removeEventListener('abort', stop);
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (last.startsWith('{')) return JSON.parse(last) as ChildReport;
  return {
    failure: { kind: 'throw', offset: 0, text: `the child ended with ${code ?? ended} and no report:\n${stderr}` },
  };
}

/** One line about one target, for logs. */
export function describeOutcome(outcome: Outcome): string {
  const name = outcome.target.padEnd(12);
  if ('failure' in outcome)
    return `${name} ${outcome.failure.kind}: ${outcome.failure.text}${outcome.failure.input === undefined ? '' : `\n  input: ${outcome.failure.input}`}\n  again: ${outcome.again}`;
  const { runs, seconds, peakMegabytes, fates } = outcome;
  const told = Object.entries(fates)
    .sort(([, left], [, right]) => right - left)
    .map(([fate, times]) => `${fate} ${times}`)
    .join(', ');
  return `${name} ${String(runs).padStart(9)} inputs in ${seconds.toFixed(0)} s, at most ${peakMegabytes.toFixed(0)} MB, seed ${outcome.seed}: ${told}`;
}
