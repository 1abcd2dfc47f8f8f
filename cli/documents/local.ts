import * as v from 'valibot';

const text = v.string();
const count = v.number();
const provider = v.picklist(['process', 'docker']);
const described = (schema: v.GenericSchema, description: string) => v.pipe(schema, v.description(description));

/** The documents of `bantam local …`. */
export const localDocuments = {
  up: {
    url: text,
    username: text,
    state: described(text, 'the file with the password'),
    dialect: v.picklist(['faas-netes', 'faasd']),
    provider,
    registry: described(text, 'its embedded registry, as image references begin'),
    page: text,
    pid: count,
    functions: described(v.array(text), 'functions of an earlier run that are started again'),
    calls: described(count, 'asynchronous calls of an earlier run that are made now'),
    ended: described(count, 'processes and containers of a killed gateway that were ended'),
    listen: v.optional(described(text, 'address and port at which other machines reach it')),
    log: v.optional(described(text, 'with --detach: where it writes what it says')),
  },
  down: {
    stopped: described(v.boolean(), 'false if none ran'),
    url: v.optional(text),
    pid: v.optional(count),
    killed: described(v.boolean(), 'it did not stop by itself'),
    functions: described(v.array(text), 'what ran in it, as far as it told'),
    ended: described(count, 'processes and containers of a killed gateway that were ended'),
  },
  status: {
    url: text,
    username: text,
    page: text,
    instance: text,
    pid: count,
    version: text,
    startedAt: text,
    dialect: text,
    provider,
    limitations: described(v.array(text), 'what deployments may ask for and is not enforced here'),
    registry: v.strictObject({
      address: text,
      repositories: count,
      blobs: count,
      bytes: count,
      quotaBytes: v.optional(count),
    }),
    queue: v.strictObject({
      waiting: described(count, 'asynchronous calls without a last word of their function, those under way included'),
      running: count,
      callbacks: described(count, 'answers that their callback has not taken'),
    }),
    functions: v.array(
      v.strictObject({
        name: text,
        image: text,
        revision: v.optional(text),
        deployId: v.optional(text),
        createdAt: text,
        replicas: count,
        availableReplicas: count,
        removing: v.boolean(),
        queued: count,
        schedule: v.optional(v.strictObject({ expression: text, next: v.optional(text) })),
        replicaStates: v.array(
          v.strictObject({
            instance: text,
            ready: v.boolean(),
            address: v.optional(text),
            startedAt: v.optional(text),
            restarts: count,
            memoryBytes: v.optional(count),
            pid: v.optional(count),
          }),
        ),
        faults: v.array(v.strictObject({ instance: text, reason: text })),
      }),
    ),
  },
} as const;
