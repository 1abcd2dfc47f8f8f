import * as v from 'valibot';
import { failureSchema } from './failure.ts';

const target = { gateway: v.string(), provider: v.string() };
const secret = {
  name: v.string(),
  functions: v.strictObject({
    deployed: v.nullable(
      v.pipe(
        v.array(v.string()),
        v.description('functions of the gateway that use it; null: the gateway could not list them'),
      ),
    ),
    declared: v.pipe(v.array(v.string()), v.description('functions of the stack file that use it')),
  }),
};
const trimmed = v.pipe(v.boolean(), v.description('white space around the value was cut off'));
const failed = v.strictObject({ ...secret, failure: failureSchema });
const written = (...actions: [string, ...string[]]) =>
  v.strictObject({ ...secret, action: v.picklist(actions), trimmed });

/** The documents of `bantam secret …`. None ever holds a value. */
export const secretDocuments = {
  create: { ...target, secrets: v.array(written('created', 'updated')) },
  list: {
    ...target,
    secrets: v.array(
      v.strictObject({
        ...secret,
        state: v.pipe(
          v.picklist(['present', 'missing', 'not listed']),
          v.description('not listed: not there, or made by kubectl without the label of OpenFaaS'),
        ),
      }),
    ),
  },
  update: { ...target, secrets: v.array(written('updated')) },
  remove: {
    ...target,
    secrets: v.array(v.union([v.strictObject({ ...secret, action: v.literal('removed') }), failed])),
  },
  apply: {
    ...target,
    folder: v.string(),
    secrets: v.array(v.union([written('created', 'updated'), failed])),
  },
} as const;
