import * as v from 'valibot';

const text = v.string();
const count = v.number();

const replica = v.object({
  instance: text,
  ready: v.boolean(),
  /** Where it answers, while it is ready. */
  address: v.optional(text),
  startedAt: v.optional(text),
  restarts: count,
  memoryBytes: v.optional(count),
  pid: v.optional(count),
});

const localFunction = v.object({
  name: text,
  image: text,
  revision: v.optional(text),
  deployId: v.optional(text),
  createdAt: text,
  replicas: count,
  availableReplicas: count,
  removing: v.boolean(),
  /** Asynchronous calls that wait or are under way. */
  queued: count,
  schedule: v.optional(v.object({ expression: text, next: v.optional(text) })),
  replicaStates: v.array(replica),
  /** What keeps replicas from answering, newest last. */
  faults: v.array(v.object({ instance: text, reason: text })),
});

/** What `GET /system/local` of a local gateway tells of it (bantam's own path, behind the password): for `bantam local status`. */
export const localStatusSchema = v.object({
  instance: text,
  pid: count,
  version: text,
  startedAt: text,
  dialect: text,
  provider: v.picklist(['process', 'docker']),
  /** What deployments may ask for and is not enforced here. */
  limitations: v.array(text),
  registry: v.object({
    repositories: count,
    blobs: count,
    bytes: count,
    quotaBytes: v.optional(count),
  }),
  queue: v.object({ waiting: count, running: count, callbacks: count }),
  functions: v.array(localFunction),
});
export type LocalStatus = v.InferOutput<typeof localStatusSchema>;
