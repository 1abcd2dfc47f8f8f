import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../../bed/program.ts';
import { removeTemporaryFolders } from '../../templates/build-context.ts';
import { UsageError } from '../usage-error.ts';
import { buildContestants } from './build.ts';
import { type ContestantName, contestantNames } from './contestant.ts';
import { isMissing, orMissing, provideVegeta, provideWrk } from './generators.ts';
import { lookAtMachine, settleIn } from './machine.ts';
import { type Effort, fullEffort, measure, quickEffort, secondsEach } from './measure.ts';
import { formatReport, type Outcome } from './report.ts';
import { judge } from './targets.ts';

/** What `npm run bench -- runtime` is asked for. */
export interface RuntimeOptions {
  readonly effort: Effort;
  readonly quick: boolean;
  readonly json: boolean;
  readonly node: string;
  readonly only: readonly ContestantName[];
}

const mostRounds = 20;

/** Reads the arguments after `runtime`; throws a UsageError for those that make no sense. */
export function readRuntimeOptions(argv: readonly string[], ownNode: string): RuntimeOptions {
  const { values } = parse(argv);
  const base = values.quick ? quickEffort : fullEffort;
  const rounds = values.rounds === undefined ? base.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > mostRounds)
    throw new UsageError(`--rounds ${values.rounds}: a whole number from 1 to ${mostRounds} is needed`);
  const wanted = values.only ?? [];
  const unknown = wanted.find((name) => !contestantNames.some((known) => known === name));
  if (unknown !== undefined)
    throw new UsageError(`--only ${unknown}: there is no such contestant, only ${contestantNames.join(', ')}`);
  return {
    effort: { ...base, rounds },
    quick: values.quick,
    json: values.json,
    node: values.node ?? ownNode,
    only: contestantNames.filter((name) => wanted.length === 0 || wanted.includes(name)),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        node: { type: 'string' },
        only: { type: 'string', multiple: true },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Those of TypeScript and those of Go: only within these is anything compared. */
function groupsOf<T extends { readonly name: ContestantName }>(contestants: readonly T[]): T[][] {
  const isGo = ({ name }: T): boolean => name.endsWith('-go');
  return [contestants.filter((one) => !isGo(one)), contestants.filter(isGo)].filter((group) => group.length > 0);
}

/** Builds, measures and gives back the report; `report` hears how far it is. */
export async function benchRuntime(
  options: RuntimeOptions,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bantam-bench-'));
  try {
    const machine = await lookAtMachine();
    const node = await run(options.node, ['--version'], { signal });
    const wrk = await provideWrk(report, signal);
    const vegeta = await orMissing(() => provideVegeta(report, signal), signal);
    const built = await buildContestants({ ...options, report, signal });
    const seconds = built.contestants.length * options.effort.rounds * secondsEach(options.effort);
    report(`measuring ${built.contestants.length} contestants, about ${Math.ceil(seconds / 60)} minutes`);
    // Not before the building is done: it may use both cores, at no more than ordinary priority.
    const raised = await settleIn(machine, !options.quick);
    const { samples, failed } = await measure(groupsOf(built.contestants), {
      effort: options.effort,
      machine,
      wrk,
      vegeta: isMissing(vegeta) ? undefined : vegeta,
      folder,
      report,
      signal,
    });
    const missing = isMissing(vegeta) ? { 'p50 and p99': vegeta.missing } : {};
    const outcome: Outcome = {
      machine: machine.description,
      raised,
      node,
      watchdog: built.watchdog,
      generators: [wrk.version, ...(isMissing(vegeta) ? [] : [vegeta.version])],
      rounds: options.effort.rounds,
      quick: options.quick,
      missing: { ...built.missing, ...failed, ...missing },
      samples,
      judged: judge(samples, options.only, options.effort.rounds),
    };
    return options.json ? JSON.stringify(outcome, undefined, 2) : await formatReport(outcome);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await removeTemporaryFolders();
  }
}
