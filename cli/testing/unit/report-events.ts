import { readFile } from 'node:fs/promises';
import * as v from 'valibot';

const errorSchema = v.object({
  kind: v.optional(v.string()),
  message: v.optional(v.string(), ''),
  stack: v.optional(v.string(), ''),
  expected: v.optional(v.string()),
  actual: v.optional(v.string()),
});

const place = { file: v.optional(v.string()), line: v.optional(v.number()) };

const eventSchema = v.variant('type', [
  v.object({ type: v.literal('open'), name: v.string(), depth: v.number(), ...place }),
  v.object({
    type: v.literal('result'),
    name: v.array(v.string()),
    depth: v.number(),
    parent: v.boolean(),
    verdict: v.picklist(['passed', 'failed', 'skipped']),
    milliseconds: v.number(),
    reason: v.optional(v.string()),
    bundle: v.optional(v.string()),
    error: v.optional(errorSchema),
    ...place,
  }),
  v.object({ type: v.literal('exit'), code: v.number(), stack: v.optional(v.string(), '') }),
  v.object({ type: v.literal('end') }),
]);

/** What a process of tests has told (report-source.ts). */
export type ReportEvent = v.InferOutput<typeof eventSchema>;
export type ReportedResult = Extract<ReportEvent, { type: 'result' }>;
export type ReportedError = v.InferOutput<typeof errorSchema>;

/** Reads what was told until now; a last line that was cut off by the end of the process is passed over. */
export async function readReport(file: string): Promise<readonly ReportEvent[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => {
    const decoded = v.safeParse(v.pipe(v.string(), v.parseJson(), eventSchema), line);
    return decoded.success ? [decoded.output] : [];
  });
}
