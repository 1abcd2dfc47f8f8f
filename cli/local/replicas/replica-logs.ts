import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { FunctionRollout } from './function-rollout.ts';
import type { ReplicaLogLine, ReplicaLogQuery } from './provider.ts';
import type { Replica } from './replica.ts';

/** All replicas' lines and the provider's own about them, as one log; see `Provider.logs`. */
export function functionLogs(
  rollout: FunctionRollout,
  query: ReplicaLogQuery,
  signal: AbortSignal,
): AsyncIterable<ReplicaLogLine> {
  return query.follow === true ? followLogs(rollout, query, signal) : readLogs(rollout, query, signal);
}

/** What is there now, in the order of time. */
async function* readLogs(
  rollout: FunctionRollout,
  query: ReplicaLogQuery,
  signal: AbortSignal,
): AsyncGenerator<ReplicaLogLine, void> {
  const lines = pastNotices(rollout, query);
  for (const replica of chosen(rollout, query))
    for await (const line of replicaLines(replica, query, signal)) lines.push(line);
  lines.sort((left, right) => (left.timestamp < right.timestamp ? -1 : left.timestamp > right.timestamp ? 1 : 0));
  yield* query.tail === undefined ? lines : lines.slice(Math.max(0, lines.length - query.tail));
}

/** What is there and what comes, each replica's lines in their order, until `signal` aborts. A slow reader slows the engine down, not memory. */
async function* followLogs(
  rollout: FunctionRollout,
  query: ReplicaLogQuery,
  signal: AbortSignal,
): AsyncGenerator<ReplicaLogLine, void> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const merged = new PassThrough({ objectMode: true, highWaterMark: 64 });
  const attach = (replica: Replica): void => {
    if (query.instance !== undefined && replica.name !== query.instance) return;
    void pour(replicaLines(replica, query, either), merged, either);
  };
  const notice = (line: ReplicaLogLine): void => {
    // Notices are few and have no one to slow down.
    if (query.instance === undefined || line.instance === query.instance) merged.write(line);
  };
  const close = (): void => void merged.end();
  rollout.events.on('replica', attach).on('notice', notice);
  either.addEventListener('abort', close);
  try {
    for (const line of pastNotices(rollout, query)) merged.write(line);
    for (const replica of chosen(rollout, query)) attach(replica);
    if (signal.aborted) return;
    for await (const line of merged) yield line;
  } finally {
    ended.abort();
    rollout.events.off('replica', attach).off('notice', notice);
    merged.destroy();
  }
}

async function pour(lines: AsyncIterable<ReplicaLogLine>, into: PassThrough, signal: AbortSignal): Promise<void> {
  try {
    for await (const line of lines) {
      if (signal.aborted) return;
      if (!into.write(line)) await once(into, 'drain', { signal });
    }
  } catch (error) {
    // The engine lost the container or went away; the other replicas' lines go on, and this one's reason is a line too.
    if (!signal.aborted)
      into.write({
        instance: '',
        timestamp: new Date().toISOString(),
        text: `[bantam local] ${error instanceof Error ? error.message : String(error)}`,
      });
  }
}

async function* replicaLines(
  replica: Replica,
  { follow = false, since, tail }: ReplicaLogQuery,
  signal: AbortSignal,
): AsyncGenerator<ReplicaLogLine, void> {
  for await (const { timestamp, text } of replica.logs({ follow, since, tail }, signal))
    yield { instance: replica.name, timestamp, text };
}

function chosen(rollout: FunctionRollout, { instance }: ReplicaLogQuery): Replica[] {
  return rollout.replicas.filter((replica) => instance === undefined || replica.name === instance);
}

function pastNotices(rollout: FunctionRollout, { since, tail, instance }: ReplicaLogQuery): ReplicaLogLine[] {
  const lines = rollout.notices.filter(
    (line) =>
      (since === undefined || Date.parse(line.timestamp) >= since) &&
      (instance === undefined || line.instance === instance),
  );
  return tail === undefined ? lines : lines.slice(Math.max(0, lines.length - tail));
}
