import * as v from 'valibot';

/**
 * What the page at /ui/ and its gateway say to each other: JSON under /ui/api/, decoded on both sides by these schemas.
 * Everything a function or a deployment says of itself (names, images, log lines, headers, bodies) is hostile text.
 */

/** Why a replica does not answer. */
const fault = v.object({ instance: v.string(), reason: v.string() });

/** One replica. What the provider does not know is absent; `startedAt` is RFC 3339. */
const replica = v.object({
  instance: v.string(),
  ready: v.boolean(),
  startedAt: v.optional(v.string()),
  restarts: v.number(),
  memoryBytes: v.optional(v.number()),
  pid: v.optional(v.number()),
});

/** `failing`: replicas are missing and something is known to be wrong; `stopped`: no replica is wanted. */
export const functionConditions = ['ready', 'starting', 'failing', 'removing', 'stopped'] as const;
export type FunctionCondition = (typeof functionConditions)[number];

/** A function as the page shows it. Neither its environment nor its secrets are ever sent. */
export const functionViewSchema = v.object({
  name: v.string(),
  image: v.string(),
  condition: v.picklist(functionConditions),
  /** Newest last. */
  faults: v.array(fault),
  replicas: v.number(),
  availableReplicas: v.number(),
  /** RFC 3339. */
  createdAt: v.string(),
  /** Both only of functions that bantam deployed. */
  revision: v.optional(v.string()),
  deploy: v.optional(v.string()),
  /** As declared: `64Mi`, `100m`. */
  memoryLimit: v.optional(v.string()),
  cpuLimit: v.optional(v.string()),
  /** The cron expression it is called by. */
  schedule: v.optional(v.string()),
  replicaStates: v.array(replica),
  /** Asynchronous calls that wait; absent where none are counted. */
  queued: v.optional(v.number()),
});
export type FunctionView = v.InferOutput<typeof functionViewSchema>;

/** A finished call; `sequence` rises by one with every call of a gateway. Times in milliseconds. */
export const callViewSchema = v.object({
  sequence: v.number(),
  id: v.string(),
  function: v.string(),
  method: v.string(),
  /** Without its query, which may hold a password. */
  path: v.string(),
  status: v.number(),
  ending: v.string(),
  startedAt: v.number(),
  milliseconds: v.number(),
  requestBytes: v.number(),
  answerBytes: v.number(),
  asynchronous: v.boolean(),
});
export type CallView = v.InferOutput<typeof callViewSchema>;

/** A line of a replica's log, without newline. */
export const logLineViewSchema = v.object({ instance: v.string(), timestamp: v.string(), text: v.string() });
export type LogLineView = v.InferOutput<typeof logLineViewSchema>;

/** What a gateway is. `run` differs with every start of it; `limits` are sentences on what is not enforced here. */
const hello = v.object({
  type: v.literal('hello'),
  run: v.string(),
  version: v.string(),
  dialect: v.string(),
  user: v.string(),
  limits: v.array(v.string()),
});
export type Hello = v.InferOutput<typeof hello>;

/**
 * One line of `GET /ui/api/events[?logs=NAME]` (newline-delimited JSON). First comes `hello`, then `functions` with `whole`, then what
 * changes. `skipped` counts what there was too much of. Something comes at least every 15 s (`alive`). A gateway that stops ends the stream.
 */
export const pageEventSchema = v.variant('type', [
  hello,
  v.object({
    type: v.literal('functions'),
    whole: v.boolean(),
    changed: v.array(functionViewSchema),
    removed: v.array(v.string()),
  }),
  v.object({ type: v.literal('calls'), calls: v.array(callViewSchema), running: v.number(), skipped: v.number() }),
  v.object({
    type: v.literal('logs'),
    function: v.string(),
    lines: v.array(logLineViewSchema),
    skipped: v.number(),
  }),
  v.object({ type: v.literal('alive') }),
]);
export type PageEvent = v.InferOutput<typeof pageEventSchema>;

/** `POST /ui/api/session`: the key of a link, or none together with basic auth. */
export const sessionRequestSchema = v.object({ key: v.optional(v.string()) });
/** Its answer: what further requests carry as `Authorization: Bearer TOKEN`. */
export const sessionSchema = v.object({ token: v.string() });

/** `POST /ui/api/links` (basic auth): a link that lets one browser in, once. */
export const linkSchema = v.object({ url: v.string() });

/** `POST /ui/api/functions/NAME/scale`. */
export const scaleSchema = v.object({ replicas: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1000)) });

/** `POST /ui/api/invoke`: a call that the gateway makes for the page, so that all of the answer can be shown, redirects and cookies included. */
export const invokeRequestSchema = v.object({
  function: v.string(),
  method: v.string(),
  /** With its query; begins with a slash. */
  path: v.string(),
  headers: v.array(v.tuple([v.string(), v.string()])),
  /** UTF-8. */
  body: v.string(),
  asynchronous: v.boolean(),
});
export type InvokeRequest = v.InferOutput<typeof invokeRequestSchema>;

/** What was answered. `body` is base64 of its first bytes; `cut` says why it is not all. Milliseconds: until the headers, and until the last byte that was read. */
export const invokeAnswerSchema = v.object({
  status: v.number(),
  statusText: v.string(),
  headers: v.array(v.tuple([v.string(), v.string()])),
  body: v.string(),
  bytes: v.number(),
  cut: v.optional(v.picklist(['size', 'time', 'broken'])),
  firstByteMilliseconds: v.number(),
  milliseconds: v.number(),
});
export type InvokeAnswer = v.InferOutput<typeof invokeAnswerSchema>;

/** `GET /ui/api/functions/NAME/sizes`: bytes that a node of a platform downloads (compressed layers and configuration); `unknown` says why there are none. */
export const sizesSchema = v.object({
  platforms: v.array(v.object({ platform: v.string(), bytes: v.number() })),
  unknown: v.optional(v.string()),
});
export type Sizes = v.InferOutput<typeof sizesSchema>;

/** What every refused request of the page answers. */
export const problemSchema = v.object({ problem: v.string() });
