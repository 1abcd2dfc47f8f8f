import * as v from 'valibot';
import { envelope, failedSchema } from './failure.ts';
import { fnDocuments } from './fn.ts';
import { imageDocuments } from './image.ts';
import { localDocuments } from './local.ts';
import { secretDocuments } from './secret.ts';
import { templateDocuments } from './template.ts';

/** The documents of commands without a noun. */
const others = {
  login: { gateway: v.string(), username: v.string(), file: v.string(), from: v.optional(v.string()) },
  logout: { gateway: v.string(), removed: v.boolean() },
  completion: { shell: v.picklist(['bash', 'zsh', 'fish']), script: v.string() },
  doctor: {
    checks: v.array(
      v.strictObject({
        name: v.string(),
        state: v.picklist(['ok', 'warning', 'error', 'unknown']),
        text: v.string(),
        hint: v.optional(v.string()),
      }),
    ),
  },
} as const;

const members: Readonly<Record<string, v.ObjectEntries>> = {
  ...withNoun('fn', fnDocuments),
  ...withNoun('image', imageDocuments),
  ...withNoun('template', templateDocuments),
  ...withNoun('secret', secretDocuments),
  ...withNoun('local', localDocuments),
  ...others,
};

/**
 * The schema of each command's `--json` document (`fn list`, `login`, …): its answer, or the failure that came instead. docs/json is generated
 * from them, and the tests hold every document they see to them. Members may be added; what is there stays, with its type.
 */
export const documentSchemas: Readonly<Record<string, v.GenericSchema>> = Object.fromEntries(
  Object.entries(members).map(([name, entries]) => [
    name,
    v.union([v.strictObject({ ...envelope, ...entries }), failedSchema]),
  ]),
);

function withNoun(noun: string, verbs: Readonly<Record<string, v.ObjectEntries>>): Record<string, v.ObjectEntries> {
  return Object.fromEntries(Object.entries(verbs).map(([verb, entries]) => [`${noun} ${verb}`, entries]));
}
