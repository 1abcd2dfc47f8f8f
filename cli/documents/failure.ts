import * as v from 'valibot';

/** Where in the user's files something is wrong; lines and columns are 1-based. */
export const placeSchema = v.strictObject({
  file: v.pipe(v.string(), v.description('absolute path')),
  line: v.number(),
  column: v.optional(v.number()),
  message: v.string(),
});

/** A failure, as documents and their outcomes carry it. */
export const failureSchema = v.strictObject({
  code: v.pipe(v.string(), v.description('a code of docs/errors.md, BAN-BUG or BAN-INTERRUPTED')),
  message: v.string(),
  hint: v.optional(v.string()),
  details: v.optional(v.array(v.string())),
  places: v.optional(v.array(placeSchema)),
});

/** What every document carries beside its own members. */
export const envelope = {
  ok: v.pipe(v.boolean(), v.description('true exactly if the exit code is 0')),
  output: v.optional(v.pipe(v.string(), v.description('what a function answered'))),
  outputBase64: v.optional(v.pipe(v.string(), v.description('the same, where it is no UTF-8'))),
  warnings: v.optional(
    v.array(
      v.strictObject({
        text: v.string(),
        about: v.optional(v.string()),
        hint: v.optional(v.string()),
        place: v.optional(placeSchema),
      }),
    ),
  ),
  warningsLeftOut: v.optional(v.pipe(v.number(), v.description('how many more warnings there were'))),
};

/** The document of every command that could not give its answer. */
export const failedSchema = v.strictObject({ ...envelope, ok: v.literal(false), error: failureSchema });
