import { join } from 'node:path';
import { run } from '../../bed/program.ts';
import type { Generator } from '../runtime/generators.ts';
import { runClosedLoop } from '../runtime/load.ts';
import { type Machine, onCore } from '../runtime/machine.ts';
import { readVegetaLog, summarize } from '../runtime/open-model.ts';
import { spreadOf } from '../spread.ts';
import type { Way, WayName } from './ways.ts';

/** Requests per second at which latencies are measured: a busy function on a desk, and a load test. */
export const rates = [100, 500] as const;
export type Rate = (typeof rates)[number];

/** Connections of the load without a fixed rate. */
export const connections = 32;

/** How long is measured. Times in seconds. */
export interface Effort {
  readonly rounds: number;
  readonly warmUp: number;
  /** Slices of each way at each rate, and how long one is. */
  readonly slices: number;
  readonly slice: number;
}

/** One way in one round. Latencies in milliseconds, each of the slice where it was least: neighbours only ever add. `undefined` where something went wrong. */
export interface WaySample {
  readonly way: WayName;
  readonly round: number;
  readonly latencies: Readonly<Record<Rate, { readonly p50: number | undefined; readonly p99: number | undefined }>>;
  readonly requestsPerSecond: number | undefined;
  /** Microseconds of the way's own process for one request, without the replica behind it: what busy neighbours disturb least. */
  readonly processorTime: number;
  readonly errors: number;
}

/** What measures, and where. */
export interface Tools {
  readonly vegeta: Generator;
  readonly wrk: Generator;
  readonly machine: Machine;
  /** For temporary files. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Measures all ways in one round: they take turns slice by slice, in reverse order every second time, so that a busy neighbour meets all of them. */
export async function measureWays(
  ways: readonly Way[],
  round: number,
  effort: Effort,
  tools: Tools,
): Promise<WaySample[]> {
  for (const { url } of ways) await attack(url, 500, effort.warmUp, tools);
  const seen = new Map<string, { p50: number; p99: number; errors: number }[]>();
  for (const rate of rates)
    for (let turn = 0; turn < effort.slices; turn += 1)
      for (const { name, url } of turn % 2 === 0 ? ways : ways.toReversed()) {
        const key = `${name} ${rate}`;
        seen.set(key, [...(seen.get(key) ?? []), await attack(url, rate, effort.slice, tools)]);
      }
  const samples: WaySample[] = [];
  for (const { name, url, pid } of ways) {
    const { wrk, machine, signal } = tools;
    const load = { url, pid, seconds: effort.slice, core: machine.generatorCore, signal };
    const closed = await runClosedLoop(wrk, connections, load);
    const at = (rate: Rate) => {
      const slices = seen.get(`${name} ${rate}`) ?? [];
      const sound = slices.every(({ errors }) => errors === 0);
      const least = (figure: 'p50' | 'p99') => (sound ? spreadOf(slices.map((one) => one[figure]))?.min : undefined);
      return { p50: least('p50'), p99: least('p99') };
    };
    const open = rates.flatMap((rate) => seen.get(`${name} ${rate}`) ?? []);
    samples.push({
      way: name,
      round,
      latencies: { 100: at(100), 500: at(500) },
      requestsPerSecond: closed.errors === 0 ? closed.requests / closed.seconds : undefined,
      processorTime: (closed.processor * 1e6) / Math.max(1, closed.requests),
      errors: closed.errors + open.reduce((sum, { errors }) => sum + errors, 0),
    });
  }
  return samples;
}

/** Requests at a fixed rate over kept connections, whether or not the earlier ones are answered. */
async function attack(
  url: string,
  rate: number,
  seconds: number,
  { vegeta, machine, folder, signal }: Tools,
): Promise<{ p50: number; p99: number; errors: number }> {
  const log = join(folder, 'vegeta.log');
  const argv = ['attack', `-rate=${rate}/s`, `-duration=${seconds}s`, '-timeout=5s', '-http2=false', `-output=${log}`];
  const options = { environment: vegeta.environment, timeout: (seconds + 20) * 1000, signal };
  await run(...onCore(machine.generatorCore, vegeta.program, argv), { ...options, input: `GET ${url}\n` });
  return summarize(readVegetaLog(await run(vegeta.program, ['encode', '-to', 'csv', log], options)), rate);
}
