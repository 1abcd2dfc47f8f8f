import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';

const answerSchema = v.object({
  status: v.number(),
  headers: v.record(v.string(), v.union([v.string(), v.array(v.string())])),
  body: v.string(),
  base64: v.exactOptional(v.literal(true)),
  ended: v.exactOptional(v.literal(true)),
});

const recordingSchema = v.object({
  lang: v.string(),
  versions: v.record(v.string(), v.string()),
  /** By the title of the call. */
  answers: v.record(v.string(), answerSchema),
});

/** What a function answered under its official template. `ended`: its process did not survive the call. */
export type Recording = v.InferOutput<typeof recordingSchema>;

/** The file of a function's recording. */
export function recordingOf(name: string): string {
  return fileURLToPath(new URL(`./recordings/${name}.json`, import.meta.url));
}

/** Reads the recording of a function. */
export async function readRecording(name: string): Promise<Recording> {
  return v.parse(recordingSchema, JSON.parse(await readFile(recordingOf(name), 'utf8')));
}
