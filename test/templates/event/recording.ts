import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { type Difference, differences } from './differences.ts';
import type { EventAnswer } from './exchange.ts';

const bodySchema = v.union([v.string(), v.object({ base64: v.string() })]);
const recordingSchema = v.object({
  versions: v.object({ template: v.string() }),
  cases: v.record(
    v.string(),
    v.object({
      answer: v.union([
        v.literal('no answer'),
        v.object({
          status: v.number(),
          headers: v.record(v.string(), v.union([v.string(), v.array(v.string())])),
          body: bodySchema,
        }),
      ]),
      ended: v.optional(v.literal(true)),
    }),
  ),
});

/** What an official template answered to each case. */
export type Recording = v.InferOutput<typeof recordingSchema>;

export async function readRecording(template: 'node20' | 'node22'): Promise<Recording> {
  const text = await readFile(new URL(`recordings/${template}.json`, import.meta.url), 'utf8');
  const recording = v.parse(recordingSchema, JSON.parse(text));
  assert.equal(recording.versions.template, template);
  return recording;
}

/** Where our answer to a case is another one on purpose. */
export function differenceOf(name: string, template: 'node20' | 'node22'): Difference | undefined {
  const found = differences[name];
  const like = template === 'node22' ? 'express5' : 'express4';
  return found?.only === undefined || found.only === like ? found : undefined;
}

/** Throws unless an answer is the recorded one, or differs from it as the table of differences says. */
export function requireAnswer(answer: EventAnswer | 'no answer', recording: Recording, name: string): void {
  const recorded = recording.cases[name]?.answer;
  assert.ok(recorded);
  const difference = differenceOf(name, recording.versions.template === 'node22' ? 'node22' : 'node20');
  if (difference === undefined) {
    assert.deepEqual(answer, recorded);
    return;
  }
  assert.notDeepEqual(answer, recorded, 'this is no difference any more');
  assert.ok(answer !== 'no answer');
  assert.equal(answer.status, difference.status);
  if (typeof difference.body === 'string') assert.equal(answer.body, difference.body);
  else assert.match(String(answer.body), difference.body);
}

/** As a Response of the standard has them: several headers of one name in one line. Cookies are the exception. */
export function joinHeaders(recording: Recording): Recording {
  const cases = Object.entries(recording.cases).map(([name, recorded]): [string, typeof recorded] => {
    const { answer } = recorded;
    if (answer === 'no answer') return [name, recorded];
    const headers = Object.entries(answer.headers).map(([header, value]): [string, string | string[]] => [
      header,
      typeof value === 'string' || header === 'set-cookie' ? value : value.join(', '),
    ]);
    return [name, { ...recorded, answer: { ...answer, headers: Object.fromEntries(headers) } }];
  });
  return { ...recording, cases: Object.fromEntries(cases) };
}
