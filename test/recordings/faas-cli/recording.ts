import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';

/** A deployment as the gateway got it. `body` is JSON. */
const requestSchema = v.object({
  method: v.string(),
  url: v.string(),
  body: v.record(v.string(), v.unknown()),
});

/** One call of docker: the folder it was called in is the build context, its files with their sha256. */
const buildSchema = v.object({
  arguments: v.array(v.string()),
  context: v.record(v.string(), v.string()),
});

const recordingSchema = v.object({
  deploy: v.exactOptional(
    v.object({ exit: v.number(), error: v.exactOptional(v.string()), requests: v.array(requestSchema) }),
  ),
  build: v.exactOptional(
    v.object({ exit: v.number(), error: v.exactOptional(v.string()), builds: v.array(buildSchema) }),
  ),
});

const expressionsSchema = v.object({
  environment: v.record(v.string(), v.string()),
  /** `value` is missing where faas-cli ended with an error; `exit` 2 is a crash. */
  answers: v.array(v.object({ expression: v.string(), exit: v.number(), value: v.exactOptional(v.string()) })),
});

/** What faas-cli did with a case: exit code, kind of error (see verdict.ts), what it sent, what it had built; in the order of names. */
export type FaasCliRecording = v.InferOutput<typeof recordingSchema>;
export type RecordedRequest = v.InferOutput<typeof requestSchema>;
export type RecordedBuild = v.InferOutput<typeof buildSchema>;
/** What faas-cli made of many `${…}`, each alone in a value. */
export type ExpressionRecording = v.InferOutput<typeof expressionsSchema>;

const here = new URL('./', import.meta.url);

/** The file that holds what faas-cli did with all cases, by name. */
export const answersFile = fileURLToPath(new URL('answers.json', here));
export const expressionsFile = fileURLToPath(new URL('expressions.json', here));

export async function readAnswers(): Promise<Readonly<Record<string, FaasCliRecording>>> {
  return v.parse(v.record(v.string(), recordingSchema), JSON.parse(await readFile(answersFile, 'utf8')));
}

export async function readExpressions(): Promise<ExpressionRecording> {
  return v.parse(expressionsSchema, JSON.parse(await readFile(expressionsFile, 'utf8')));
}
