import * as v from 'valibot';

/**
 * Shapes of requests and answers of the OpenFaaS gateway, and nothing about what they mean (that is a dialect's job).
 * Source: openfaas/faas-provider `types` (FunctionDeployment, FunctionStatus, ScaleServiceRequest, Secret) and the recorded answers in test/recordings.
 */

/** Kubernetes quantities (`64Mi`, `100m`); faasd reads memory only. */
export interface Resources {
  readonly memory?: string | undefined;
  readonly cpu?: string | undefined;
}

/** The body of `POST` and `PUT /system/functions`. Undefined members are left out of the JSON. */
export interface FunctionDeployment {
  readonly service: string;
  readonly image: string;
  readonly namespace?: string | undefined;
  readonly envProcess?: string | undefined;
  readonly envVars?: Readonly<Record<string, string>> | undefined;
  readonly constraints?: readonly string[] | undefined;
  readonly secrets?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly limits?: Resources | undefined;
  readonly requests?: Resources | undefined;
  readonly readOnlyRootFilesystem?: boolean | undefined;
}

const resources = v.nullish(v.object({ memory: v.optional(v.string()), cpu: v.optional(v.string()) }));
const strings = v.nullish(v.record(v.string(), v.string()));

/** What is sent for a function and shown of it again, under the same names. */
const settings = {
  image: v.optional(v.string(), ''),
  namespace: v.optional(v.string()),
  envProcess: v.optional(v.string()),
  envVars: strings,
  constraints: v.nullish(v.array(v.string())),
  secrets: v.nullish(v.array(v.string())),
  labels: strings,
  annotations: strings,
  limits: resources,
  requests: resources,
  readOnlyRootFilesystem: v.optional(v.boolean()),
};

/** Decodes the body of `POST` and `PUT /system/functions` (used by the embedded gateway). Unknown keys are dropped, as Go's decoder does. */
export const functionDeploymentSchema = v.object({
  service: v.optional(v.string(), ''),
  ...settings,
});

/** One function as `GET /system/functions` and `GET /system/function/NAME` describe it. Providers leave out what is empty or zero. */
export const functionStatusSchema = v.object({
  name: v.string(),
  ...settings,
  replicas: v.optional(v.number(), 0),
  availableReplicas: v.optional(v.number(), 0),
  invocationCount: v.optional(v.number(), 0),
  createdAt: v.optional(v.string()),
});
/** A decoded function status; absent numbers are 0. */
export type FunctionStatus = v.InferOutput<typeof functionStatusSchema>;

/** `GET /system/info`. `provider` is null while the gateway cannot reach its provider (it answers 200 all the same). */
export const infoSchema = v.object({
  provider: v.nullish(
    v.object({
      provider: v.optional(v.string(), ''),
      name: v.optional(v.string()),
      orchestration: v.optional(v.string(), ''),
      version: v.nullish(v.object({ release: v.optional(v.string(), ''), sha: v.optional(v.string(), '') })),
    }),
  ),
  version: v.nullish(v.object({ release: v.optional(v.string(), ''), sha: v.optional(v.string(), '') })),
  /** GOARCH of the gateway itself, often empty. */
  arch: v.optional(v.string(), ''),
});
/** A decoded `GET /system/info`. */
export type Info = v.InferOutput<typeof infoSchema>;

/** One line of `GET /system/logs` (newline-delimited JSON). `instance` is a pod name or a process id. */
export const logLineSchema = v.object({
  name: v.optional(v.string(), ''),
  namespace: v.optional(v.string(), ''),
  instance: v.optional(v.string(), ''),
  timestamp: v.optional(v.string(), ''),
  text: v.optional(v.string(), ''),
});
/** A decoded log line; `text` may end in a newline. */
export type LogLine = v.InferOutput<typeof logLineSchema>;

/** `POST /system/scale-function/NAME`. */
export const scaleRequestSchema = v.object({
  serviceName: v.optional(v.string(), ''),
  replicas: v.number(),
  namespace: v.optional(v.string()),
});

/** `DELETE /system/functions`. */
export const deleteRequestSchema = v.object({
  functionName: v.optional(v.string(), ''),
  namespace: v.optional(v.string()),
});

/** `/system/secrets`: `value` is text, `rawValue` base64; answers carry the name only. */
export const secretSchema = v.object({
  name: v.optional(v.string(), ''),
  namespace: v.optional(v.string()),
  value: v.optional(v.string()),
  rawValue: v.optional(v.string()),
});
/** A decoded secret (or its name only). */
export type Secret = v.InferOutput<typeof secretSchema>;
