import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf, run } from '../../bed/program.ts';
import { removeTemporaryFolders } from '../../templates/build-context.ts';
import { buildContestants } from '../runtime/build.ts';
import { type Contestant, requestPath } from '../runtime/contestant.ts';
import { provideVegeta, provideWrk } from '../runtime/generators.ts';
import { lookAtMachine, settleIn } from '../runtime/machine.ts';
import { startSubject } from '../runtime/subject.ts';
import { UsageError } from '../usage-error.ts';
import { type Effort, measureWays, type Tools, type WaySample } from './measure.ts';
import { formatGatewayReport } from './report.ts';
import { startBantam, startPeer, type Way } from './ways.ts';

/** What `npm run bench -- gateway` is asked for. */
export interface GatewayOptions {
  readonly effort: Effort;
  readonly json: boolean;
  /** The program of an OpenFaaS gateway, from BANTAM_GATEWAY_PEER. */
  readonly peer: string | undefined;
}

const fullEffort: Effort = { rounds: 5, warmUp: 3, slices: 6, slice: 2 };
const quickEffort: Effort = { rounds: 3, warmUp: 1, slices: 1, slice: 2 };
const mostRounds = 20;

/** Reads the arguments after `gateway`; throws a UsageError for those that make no sense. */
export function readGatewayOptions(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): GatewayOptions {
  const { values } = parse(argv);
  const base = values.quick ? quickEffort : fullEffort;
  const rounds = values.rounds === undefined ? base.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > mostRounds)
    throw new UsageError(`--rounds ${values.rounds}: a whole number from 1 to ${mostRounds} is needed`);
  return { effort: { ...base, rounds }, json: values.json, peer: environment['BANTAM_GATEWAY_PEER'] || undefined };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        rounds: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Measures one replica of bantam-ts, called directly and through gateways, and gives back the report; `report` hears how far it is. */
export async function benchGateway(
  { effort, json, peer }: GatewayOptions,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bantam-bench-'));
  try {
    const machine = await lookAtMachine();
    const [wrk, vegeta] = [await provideWrk(report, signal), await provideVegeta(report, signal)];
    const node = process.execPath;
    const built = await buildContestants({ node, only: ['bantam-ts'], report, signal });
    const [contestant] = built.contestants;
    if (contestant === undefined) throw new Error(`the function cannot be built: ${built.missing['bantam-ts']}`);
    const raised = await settleIn(machine, true);
    const tools = { vegeta, wrk, machine, folder, signal };
    const samples: WaySample[] = [];
    for (let round = 0; round < effort.rounds; round += 1) {
      report(`round ${round + 1} of ${effort.rounds}`);
      samples.push(...(await measureRound(contestant, round, effort, peer, tools)));
    }
    if (json) return JSON.stringify({ machine: machine.description, effort, samples }, undefined, 2);
    const head = [
      machine.description,
      `Node ${await run(node, ['--version'], { signal })}, ${vegeta.version}, ${wrk.version}; replica and gateways on the servers’ core; ${raised ? 'raised' : 'ordinary'} priority`,
      peer === undefined
        ? 'no peer: BANTAM_GATEWAY_PEER names the program of an OpenFaaS gateway'
        : `peer: ${peer}, its provider being the replica itself`,
    ];
    return await formatGatewayReport({ head, rounds: effort.rounds, samples });
  } finally {
    await rm(folder, { recursive: true, force: true });
    await removeTemporaryFolders();
  }
}

/** One round, with fresh processes. */
async function measureRound(
  contestant: Contestant,
  round: number,
  effort: Effort,
  peer: string | undefined,
  tools: Tools,
): Promise<WaySample[]> {
  const core = tools.machine.serverCore;
  await using subject = await startSubject(contestant, { core, signal: tools.signal, temporary: tools.folder });
  const options = { replica: new URL(subject.url).origin, path: requestPath, core, signal: tools.signal };
  await using bantam = await startBantam(options);
  await using other = peer === undefined ? undefined : await startPeer(peer, options).catch(asMissing);
  const direct: Way = { name: 'direct', url: subject.url, pid: subject.pid };
  const ways = [direct, bantam, ...(other === undefined ? [] : [other])];
  return await measureWays(round % 2 === 0 ? ways : ways.toReversed(), round, effort, tools);
}

function asMissing(error: unknown): never {
  throw new Error(`the peer cannot be measured: ${reasonOf(error)}`, { cause: error });
}
