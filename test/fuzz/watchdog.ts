import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { WatchdogData } from './child.ts';

/**
 * A thread beside the one that works, so that an endless loop there cannot stop it. It reads which input is under way, and ends
 * the whole process, with the input's seed, when one takes too long or too much memory.
 */
const { shared, bounds } = workerData as WatchdogData;
const state = new Int32Array(shared);
const every = 20;
let index = -1;
let since = process.hrtime.bigint();
let processorAt = processorSeconds();

setInterval(() => {
  const now = process.hrtime.bigint();
  const current = Atomics.load(state, 0);
  if (current < 0) return;
  if (current !== index) {
    index = current;
    since = now;
    processorAt = processorSeconds();
  }
  const seconds = Number(now - since) / 1e9;
  const busy = processorSeconds() - processorAt;
  if (busy > bounds.processorSeconds || seconds > bounds.seconds)
    end('hang', `${busy.toFixed(1)} s of processor time in ${seconds.toFixed(1)} s`);
  const megabytes = process.memoryUsage.rss() / 1e6;
  if (megabytes > bounds.megabytes) end('memory', `${megabytes.toFixed(0)} MB`);
}, every);

/** Of the whole process: a busy neighbour does not count. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function end(kind: 'hang' | 'memory', text: string): void {
  writeSync(1, `${JSON.stringify({ failure: { kind, offset: index, text } })}\n`);
  process.kill(process.pid, 'SIGKILL');
}
