/** Reads recordings for the tests that hold bantam to them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';

/** Whose answers. */
export type RecordedProvider = 'faasd' | 'faas-netes';

const answerSchema = v.union([
  v.strictObject({ status: v.number(), headers: v.record(v.string(), v.string()), body: v.string() }),
  v.strictObject({ failure: v.string() }),
]);

const requestSchema = v.strictObject({
  method: v.string(),
  path: v.string(),
  credentials: v.picklist(['right', 'wrong', 'none']),
  headers: v.optional(v.record(v.string(), v.string())),
  body: v.optional(v.string()),
});

const commonFields = {
  name: v.string(),
  provider: v.picklist(['faasd', 'faas-netes']),
  recorded: v.pipe(v.string(), v.isoDate()),
  versions: v.record(v.string(), v.string()),
  request: requestSchema,
};

const exchangeSchema = v.strictObject({ ...commonFields, answer: answerSchema, milliseconds: v.number() });

const timelineSchema = v.strictObject({
  ...commonFields,
  asksDuringChange: v.boolean(),
  keepAlive: v.boolean(),
  moments: v.array(
    v.strictObject({
      atMilliseconds: v.number(),
      untilMilliseconds: v.number(),
      times: v.number(),
      probe: v.picklist(['change', 'status', 'function']),
      answer: answerSchema,
    }),
  ),
});

/** One question and its answer. */
export type RecordedExchange = v.InferOutput<typeof exchangeSchema>;

/** One rollout seen from outside. */
export type RecordedTimeline = v.InferOutput<typeof timelineSchema>;

/** The exchange of that name. Throws when it was never recorded or is malformed. */
export async function readExchange(provider: RecordedProvider, name: string): Promise<RecordedExchange> {
  return v.parse(exchangeSchema, await readJson(provider, name));
}

/** The timeline of that name, `timeline-` included. Throws when it was never recorded or is malformed. */
export async function readTimeline(provider: RecordedProvider, name: string): Promise<RecordedTimeline> {
  return v.parse(timelineSchema, await readJson(provider, name));
}

/** Names of all recordings of a provider, sorted. */
export async function listRecordings(provider: RecordedProvider): Promise<string[]> {
  const files = await readdir(join(import.meta.dirname, provider));
  return files
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

async function readJson(provider: RecordedProvider, name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(import.meta.dirname, provider, `${name}.json`), 'utf8'));
}
