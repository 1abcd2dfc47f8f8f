// Asks the real of-watchdog and writes down what it says:
//   BANTAM_OF_WATCHDOG=/path/of-watchdog npx tsx test/replica/contract/record-watchdog.ts VERSION
// VERSION is its release; a build from source calls itself "dev". Port 8081 has to be free.
import { mkdir, writeFile } from 'node:fs/promises';
import { openBench } from '../../../cli/replica/contract/bench.ts';
import { findWatchdog, openWatchdog, whyNoWatchdog } from './targets.ts';
import { exchanges, type Observation, type Recording } from './watchdog-exchanges.ts';

const file = findWatchdog();
const reason = await whyNoWatchdog(file);
const version = process.argv[2];
if (file === undefined || reason !== undefined || version === undefined) {
  process.stderr.write(`${reason ?? 'usage: record-watchdog.ts VERSION'}\n`);
  process.exit(2);
}
const target = openWatchdog(file);
const observations: Record<string, Observation> = {};
for (const { name, ask } of exchanges) {
  const life = new AbortController();
  const replicas: Promise<unknown>[] = [];
  const bench = openBench(
    {
      runtime: target.runtime,
      async start(options, signal) {
        const replica = await target.start(options, signal);
        replicas.push(replica.ended);
        return replica;
      },
    },
    life.signal,
  );
  try {
    observations[name] = await ask(bench);
  } finally {
    life.abort();
    await Promise.allSettled(replicas); // its metrics port is free only then
  }
  process.stdout.write(`${name}: ${JSON.stringify(observations[name])}\n`);
}
const recording: Recording = { version, recorded: new Date().toISOString().slice(0, 7), observations };
const folder = new URL('../../recordings/of-watchdog/', import.meta.url);
await mkdir(folder, { recursive: true });
await writeFile(new URL('answers.json', folder), `${JSON.stringify(recording, null, 2)}\n`);
