import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';

const requestSchema = v.object({
  method: v.string(),
  path: v.string(),
  credentials: v.optional(v.picklist(['right', 'wrong', 'none']), 'right'),
  body: v.optional(v.string()),
});
const answerSchema = v.union([
  v.object({ status: v.number(), headers: v.record(v.string(), v.string()), body: v.string() }),
  v.object({ failure: v.string() }),
]);
const exchangeSchema = v.object({
  name: v.string(),
  provider: v.string(),
  request: requestSchema,
  answer: answerSchema,
});
const timelineSchema = v.object({
  name: v.string(),
  provider: v.string(),
  request: requestSchema,
  keepAlive: v.optional(v.boolean(), false),
  asksDuringChange: v.optional(v.boolean(), false),
  moments: v.array(
    v.object({
      atMilliseconds: v.number(),
      untilMilliseconds: v.number(),
      times: v.number(),
      probe: v.picklist(['change', 'status', 'function']),
      answer: answerSchema,
    }),
  ),
});

/** One question put to a real gateway, and its answer. */
export type Recorded = v.InferOutput<typeof exchangeSchema>;
/** What a real gateway and its function answered around one change. */
export type RecordedTimeline = v.InferOutput<typeof timelineSchema>;
/** An answer, or the way in which none came. */
export type RecordedAnswer = v.InferOutput<typeof answerSchema>;

const folder = fileURLToPath(new URL('../recordings/', import.meta.url));

/** The providers that recordings are there for. */
export function recordedProviders(): readonly string[] {
  return ['faasd', 'faas-netes'].filter((provider) => readdirSync(folder).includes(provider));
}

/** All recorded questions of a provider. Throws for a file of an unknown shape. */
export function recordedExchanges(provider: string): readonly Recorded[] {
  return files(provider)
    .filter((file) => !file.startsWith('timeline-'))
    .map((file) => v.parse(exchangeSchema, read(provider, file)));
}

/** All recorded rollouts of a provider. */
export function recordedTimelines(provider: string): readonly RecordedTimeline[] {
  return files(provider)
    .filter((file) => file.startsWith('timeline-'))
    .map((file) => v.parse(timelineSchema, read(provider, file)));
}

function files(provider: string): readonly string[] {
  return readdirSync(`${folder}${provider}`)
    .filter((file) => file.endsWith('.json'))
    .sort();
}

function read(provider: string, file: string): unknown {
  return JSON.parse(readFileSync(`${folder}${provider}/${file}`, 'utf8'));
}
