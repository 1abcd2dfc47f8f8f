import { percentileOf } from '../spread.ts';
import type { OpenModel } from './sample.ts';

/** One request: when it was sent, in milliseconds since the first one, how long its answer took, and its status (0: none). */
export interface Sent {
  readonly at: number;
  readonly took: number;
  readonly status: number;
}

/**
 * Reads what `vegeta encode -to csv` writes: time in nanoseconds, status, latency in nanoseconds, and more that is not
 * needed. Ordered by time.
 */
export function readVegetaLog(csv: string): Sent[] {
  const lines = csv.split('\n').filter((line) => line !== '');
  const rows = lines.map((line) => {
    const [time, status, latency] = line.split(',', 3);
    if (time === undefined || status === undefined || latency === undefined || !/^\d+,\d+,\d+,/.test(line))
      throw new Error(`this is no line of a vegeta log: ${line.slice(0, 80)}`);
    return { time: BigInt(time), status: Number(status), latency: Number(latency) };
  });
  rows.sort((one, other) => Number(one.time - other.time));
  const first = rows[0]?.time ?? 0n;
  return rows.map(({ time, status, latency }) => ({
    // Nanoseconds since 1970 do not fit into a number; since the first request they do.
    at: Number(time - first) / 1e6,
    took: latency / 1e6,
    status,
  }));
}

/**
 * Percentiles of a run at a fixed rate (per second), counted from when each request was due. vegeta counts from when it
 * was sent; a request that a slow generator, or one that waits for a slow server, sends late would look fast.
 */
export function summarize(sent: readonly Sent[], rate: number): OpenModel {
  const interval = 1000 / rate;
  // No request is sent before it is due, so the one that was sent with the least delay tells when the run began.
  const began = sent.reduce((least, { at }, index) => Math.min(least, at - index * interval), 0);
  const latencies = sent.map(({ at, took }, index) => at + took - (began + index * interval));
  return {
    p50: percentileOf(latencies, 0.5),
    p99: percentileOf(latencies, 0.99),
    max: percentileOf(latencies, 1),
    requests: sent.length,
    errors: sent.filter(({ status }) => status !== 200).length,
  };
}
