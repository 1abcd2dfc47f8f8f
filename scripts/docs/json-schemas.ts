import { toJsonSchema } from '@valibot/to-json-schema';
import { documentSchemas } from '../../cli/documents/documents.ts';

/** The file in docs/json that describes a command's document: `fn-list.json`. */
export function documentFileOf(path: readonly string[]): string {
  return `${path.join('-')}.json`;
}

/** docs/json/: a JSON Schema (draft 7) for the `--json` document of each command. */
export function renderDocumentSchemas(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(documentSchemas).map(([name, schema]) => {
      const whole = { title: `bantam ${name} --json`, ...open(toJsonSchema(schema, { typeMode: 'output' })) };
      return [`json/${documentFileOf(name.split(' '))}`, `${JSON.stringify(whole, null, 2)}\n`];
    }),
  );
}

/** Without `additionalProperties: false`: the tests are strict about documents, readers must not be, since members may be added. */
function open(schema: object): object {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === 'additionalProperties' && value === false ? undefined : value,
  );
}
