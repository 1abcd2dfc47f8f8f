import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { parse } from 'yaml';

export const folder = fileURLToPath(new URL('./functions/', import.meta.url));

const text = v.pipe(v.union([v.string(), v.number(), v.boolean()]), v.transform(String));

const stackSchema = v.object({
  functions: v.record(
    v.string(),
    v.object({
      lang: v.string(),
      environment: v.optional(v.record(v.string(), text), {}),
      build_args: v.optional(v.record(v.string(), text), {}),
      secrets: v.optional(v.array(v.string()), []),
    }),
  ),
});

/** A function as its author wrote it for the official templates: what stack.yml says of it. */
export interface MovedFunction {
  readonly name: string;
  /** The official template. */
  readonly lang: string;
  /** Ours that takes its place. */
  readonly template: 'bantam-ts' | 'bantam-go';
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly buildArguments: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** The functions of functions/stack.yml. */
export function readFunctions(): readonly MovedFunction[] {
  const { functions } = v.parse(stackSchema, parse(readFileSync(join(folder, 'stack.yml'), 'utf8')));
  return Object.entries(functions).map(([name, { lang, environment, build_args, secrets }]) => ({
    name,
    lang,
    template: lang.startsWith('node') ? 'bantam-ts' : 'bantam-go',
    handler: join(folder, name),
    environment,
    buildArguments: build_args,
    secrets,
  }));
}

/** The one change of moving: `lang`, in the text of stack.yml. */
export function changeLang(stack: string): string {
  return stack
    .replace(/^( +lang: )node\d+$/gm, '$1bantam-ts')
    .replace(/^( +lang: )golang-(?:http|middleware)$/gm, '$1bantam-go');
}
