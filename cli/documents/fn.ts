import * as v from 'valibot';
import { failureSchema } from './failure.ts';

const texts = v.record(v.string(), v.string());
const failed = { failure: failureSchema };
const resources = v.nullish(v.strictObject({ memory: v.optional(v.string()), cpu: v.optional(v.string()) }));

const platform = v.strictObject({ os: v.string(), architecture: v.string(), variant: v.optional(v.string()) });

const built = v.strictObject({
  name: v.string(),
  image: v.string(),
  digest: v.optional(v.pipe(v.string(), v.description('of the index, or of the manifest of a single platform'))),
  push: v.optional(v.strictObject({ sentBytes: v.number(), changed: v.boolean() })),
  sizes: v.array(
    v.strictObject({
      platform,
      digest: v.string(),
      total: v.pipe(v.number(), v.description('bytes, compressed')),
      own: v.optional(v.pipe(v.number(), v.description('the same without the layers of the base image'))),
      program: v.pipe(
        v.string(),
        v.description('whether it runs on the machine that the platform names, and why, in the words of image check'),
      ),
    }),
  ),
  seconds: v.number(),
});

const deployed = v.strictObject({
  name: v.string(),
  action: v.picklist(['created', 'updated', 'unchanged', 'none']),
  verdict: v.picklist(['ready', 'unproven', 'not-ready', 'rejected', 'superseded', 'unknown']),
  revision: v.string(),
  deploy: v.pipe(v.string(), v.description('the deploy id that was looked for')),
  replicas: v.strictObject({ wanted: v.number(), available: v.number(), seen: v.number() }),
  answersAfterMilliseconds: v.optional(v.number()),
  url: v.string(),
  counts: v.optional(
    v.strictObject({
      tries: v.number(),
      answers: v.number(),
      otherAnswers: v.number(),
      notYet: v.record(v.string(), v.number()),
      windowAnswers: v.number(),
      windowReplicas: v.number(),
      windowMilliseconds: v.number(),
      firstAnswerMilliseconds: v.optional(v.number()),
      windowStartMilliseconds: v.optional(v.number()),
    }),
  ),
  logLines: v.array(v.strictObject({ instance: v.string(), text: v.string(), timestamp: v.optional(v.string()) })),
  remark: v.optional(v.string()),
  failure: v.optional(failureSchema),
});

/** What `GET /system/function/NAME` tells; which members there are is the provider's choice. */
const status = v.strictObject({
  name: v.string(),
  image: v.string(),
  namespace: v.optional(v.string()),
  envProcess: v.optional(v.string()),
  envVars: v.nullish(texts),
  constraints: v.nullish(v.array(v.string())),
  secrets: v.nullish(v.array(v.string())),
  labels: v.nullish(texts),
  annotations: v.nullish(texts),
  limits: resources,
  requests: resources,
  readOnlyRootFilesystem: v.optional(v.boolean()),
  replicas: v.number(),
  availableReplicas: v.number(),
  invocationCount: v.number(),
  createdAt: v.optional(v.string()),
});

const testStage = v.strictObject({
  stage: v.picklist(['unit', 'contract', 'examples']),
  verdict: v.picklist(['passed', 'failed', 'none', 'not run']),
  reason: v.optional(v.string()),
  milliseconds: v.number(),
  cases: v.array(
    v.strictObject({
      name: v.string(),
      verdict: v.picklist(['passed', 'failed', 'skipped', 'unknown']),
      milliseconds: v.number(),
      file: v.optional(v.pipe(v.string(), v.description('absolute path'))),
      line: v.optional(v.number()),
      reason: v.optional(v.string()),
      failure: v.optional(failureSchema),
    }),
  ),
  coverage: v.optional(
    v.pipe(
      v.strictObject({
        unit: v.picklist(['lines', 'statements']),
        covered: v.number(),
        total: v.number(),
        files: v.array(
          v.strictObject({
            file: v.string(),
            covered: v.number(),
            total: v.number(),
            missed: v.pipe(
              v.array(v.tuple([v.number(), v.number()])),
              v.description('first and last line of what never ran'),
            ),
          }),
        ),
      }),
      v.description('with --coverage'),
    ),
  ),
});

const changed = v.optional(
  v.pipe(
    v.strictObject({ commit: v.string(), functions: v.array(v.string()) }),
    v.description('with --changed: what was compared with, and which functions differ'),
  ),
);

/** The documents of `bantam fn …`, by verb: what they hold beside the envelope. */
export const fnDocuments = {
  new: { name: v.string(), image: v.string(), stack: v.string(), written: v.array(v.string()) },
  build: {
    functions: v.optional(
      v.array(v.union([built, v.strictObject({ name: v.string(), image: v.string(), ...failed })])),
    ),
    plans: v.optional(
      v.pipe(
        v.array(
          v.union([
            v.strictObject({ name: v.string(), command: v.array(v.string()), note: v.optional(v.string()) }),
            v.strictObject({ name: v.string(), image: v.string(), ...failed }),
          ]),
        ),
        v.description('with --print'),
      ),
    ),
    changed,
  },
  test: {
    tests: v.array(
      v.strictObject({
        name: v.string(),
        platform: v.string(),
        ok: v.boolean(),
        healthyAfterMilliseconds: v.optional(v.number()),
        ready: v.optional(v.boolean()),
        call: v.optional(v.strictObject({ status: v.number(), body: v.string() })),
        logs: v.optional(v.array(v.string())),
        language: v.optional(v.string()),
        milliseconds: v.optional(v.number()),
        stages: v.optional(v.pipe(v.array(testStage), v.description('without --image'))),
        skipped: v.optional(v.pipe(v.string(), v.description('why nothing of it was tested'))),
        failure: v.optional(failureSchema),
      }),
    ),
  },
  deploy: {
    gateway: v.string(),
    provider: v.string(),
    functions: v.array(v.union([deployed, v.strictObject({ name: v.string(), ...failed })])),
    changed,
  },
  list: {
    gateway: v.string(),
    functions: v.array(
      v.strictObject({
        name: v.string(),
        state: v.picklist(['not deployed', 'deployed', 'deployed, not in the stack file']),
        image: v.string(),
        revision: v.string(),
        replicas: v.number(),
        invocations: v.number(),
        schedule: v.pipe(v.string(), v.description('of the annotations, where the cron-connector looks; else empty')),
      }),
    ),
  },
  describe: { function: status, url: v.string(), schedule: v.optional(v.string()) },
  invoke: { status: v.number(), headers: texts, milliseconds: v.number() },
  logs: {
    lines: v.optional(
      v.pipe(
        v.array(
          v.strictObject({
            name: v.string(),
            namespace: v.string(),
            instance: v.string(),
            timestamp: v.string(),
            text: v.string(),
          }),
        ),
        v.description('with --follow each is a document of its own, before this one'),
      ),
    ),
    error: v.optional(v.pipe(failureSchema, v.description('how following ended'))),
  },
  scale: { name: v.string(), asked: v.number(), replicas: v.number() },
  remove: { functions: v.array(v.strictObject({ name: v.string(), failure: v.optional(failureSchema) })) },
} as const;
