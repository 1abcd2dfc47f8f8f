import * as v from 'valibot';
import { failureSchema } from './failure.ts';

const origin = v.strictObject({
  source: v.pipe(v.string(), v.description('`bantam`, or a git repository, without credentials')),
  version: v.optional(v.pipe(v.string(), v.description('of bantam'))),
  ref: v.optional(v.pipe(v.string(), v.description('branch, tag or sha-COMMIT that was asked for'))),
  commit: v.optional(v.string()),
});
const hash = v.pipe(v.string(), v.description('sha256:…, of all files of the project’s copy'));
const files = v.array(
  v.strictObject({ path: v.string(), change: v.picklist(['changed', 'added', 'missing', 'mode']) }),
);
const folder = v.pipe(v.string(), v.description('absolute path of the folder that template/ is in'));
const template = {
  name: v.string(),
  state: v.picklist(['same', 'changed', 'outdated', 'unlocked', 'missing', 'unreadable', 'configured', 'available']),
  origin: v.optional(origin),
  hash: v.optional(hash),
  failure: v.optional(failureSchema),
};

/** The documents of `bantam template …`. */
export const templateDocuments = {
  list: {
    folder,
    templates: v.array(v.strictObject({ ...template, functions: v.array(v.string()), files: v.optional(files) })),
  },
  pull: {
    folder,
    templates: v.array(
      v.union([
        v.strictObject({
          name: v.string(),
          state: v.picklist(['pulled', 'updated', 'overwritten', 'same', 'kept']),
          origin,
          hash,
        }),
        v.strictObject({ name: v.string(), failure: failureSchema }),
      ]),
    ),
  },
  verify: { folder, templates: v.array(v.strictObject({ ...template, files })) },
} as const;
