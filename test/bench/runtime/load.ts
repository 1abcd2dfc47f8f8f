import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { run } from '../../bed/program.ts';
import type { Generator } from './generators.ts';
import { onCore } from './machine.ts';
import { readVegetaLog, summarize } from './open-model.ts';
import { reapedProcessorTime, usageOf } from './process-tree.ts';
import { type OpenModel, openModelRate, type Slice } from './sample.ts';

const summaryScript = fileURLToPath(new URL('wrk-summary.lua', import.meta.url));

/** What is loaded, from where, and for how long. */
export interface Load {
  readonly url: string;
  /** Root of the process tree under load. */
  readonly pid: number;
  readonly seconds: number;
  readonly core: number | undefined;
  readonly signal: AbortSignal;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const summarySchema = v.object({
  requests: count,
  duration: count,
  p50: count,
  p99: count,
  connect: count,
  read: count,
  write: count,
  status: count,
  timeout: count,
});

/** The figures in the line that wrk-summary.lua adds to wrk's output. Times in microseconds. */
export function parseWrkSummary(output: string): v.InferOutput<typeof summarySchema> {
  const text = /^summary (\{.*\})$/m.exec(output)?.[1];
  if (text === undefined) throw new Error(`wrk gave no summary: ${output.slice(-300)}`);
  return v.parse(summarySchema, JSON.parse(text));
}

/** Loads a server with as many requests as it answers. */
export async function runClosedLoop(wrk: Generator, connections: number, load: Load): Promise<Slice> {
  const argv = ['-t', '1', '-c', String(connections), '-d', `${load.seconds}s`, '-s', summaryScript, load.url];
  const [before, reapedBefore] = [await usageOf(load.pid), await reapedProcessorTime()];
  const output = await run(...onCore(load.core, wrk.program, argv), {
    environment: wrk.environment,
    timeout: (load.seconds + 20) * 1000,
    signal: load.signal,
  });
  const [after, reapedAfter] = [await usageOf(load.pid), await reapedProcessorTime()];
  const { requests, duration, p50, p99, connect, read, write, status, timeout } = parseWrkSummary(output);
  return {
    requests,
    seconds: duration / 1e6,
    p50: p50 / 1000,
    p99: p99 / 1000,
    errors: connect + read + write + status + timeout,
    processor: after.processor - before.processor,
    generator: reapedAfter - reapedBefore,
  };
}

/** Loads a server with a fixed number of requests per second. `folder` takes the log. */
export async function runOpenModel(vegeta: Generator, folder: string, load: Load): Promise<OpenModel> {
  const log = join(folder, 'vegeta.log');
  const argv = [
    'attack',
    `-rate=${openModelRate}/s`,
    `-duration=${load.seconds}s`,
    '-timeout=5s',
    '-http2=false',
    '-redirects=-1',
    '-max-body=0',
    `-output=${log}`,
  ];
  const options = { environment: vegeta.environment, timeout: (load.seconds + 20) * 1000, signal: load.signal };
  await run(...onCore(load.core, vegeta.program, argv), { ...options, input: `GET ${load.url}\n` });
  return summarize(readVegetaLog(await run(vegeta.program, ['encode', '-to', 'csv', log], options)), openModelRate);
}
