import { isAbsolute, posix } from 'node:path';
import * as v from 'valibot';
import { formalProblems } from '../stack/decode.ts';
import { issuesOf } from '../stack/decode-function.ts';
import { parseYaml, plainValue } from '../stack/document.ts';
import { invalidFile, locator, type TextProblem } from '../stack/problem.ts';

/** What bantam reads of a template.yml (the fields of faas-cli; others are left to whoever understands them). */
export interface TemplateDefinition {
  readonly process: string | undefined;
  readonly handlerFolder: string;
  readonly welcomeMessage: string | undefined;
  readonly buildOptions: readonly { readonly name: string; readonly packages: readonly string[] }[];
}

/** Reads the text of a template.yml. `file` (absolute) and `from` name it in messages. Throws BAN-E112 with a line for every problem. */
export function readDefinition(text: string, file: string, from: string): TemplateDefinition {
  const parsed = parseYaml(text);
  const locate = locator(text);
  const refuse = (problems: readonly TextProblem[]): Error =>
    invalidFile(
      'BAN-E112',
      file,
      problems.map(({ offset, ...problem }) => ({ file, ...locate(offset), ...problem })),
      from,
    );
  const formal = formalProblems(parsed);
  if (parsed.root === undefined || formal.length > 0) throw refuse(formal);
  const result = v.safeParse(definitionSchema, plainValue(parsed.root));
  if (!result.success) throw refuse(issuesOf(result.issues, parsed.root, []));
  const { fprocess, handler_folder: folder, welcome_message: message, build_options: options } = result.output;
  return {
    process: fprocess || undefined,
    handlerFolder: folder ? posix.normalize(folder).replace(/\/$/, '') : 'function',
    welcomeMessage: message?.trimEnd() || undefined,
    buildOptions: (options ?? []).map(({ name, packages }) => ({ name, packages: packages ?? [] })),
  };
}

const text = v.nullish(v.string('must be text'));
const folder = v.nullish(
  v.pipe(
    v.string('must be text'),
    v.check(
      (value) => !isAbsolute(value) && !value.includes('\\') && !posix.normalize(value).split('/').includes('..'),
      (issue) => `must be a folder inside the template, is "${issue.input}"`,
    ),
  ),
);
const buildOption = v.object(
  { name: v.string('must be text'), packages: v.nullish(v.array(v.string('must be text'), 'must be a list')) },
  'must be a map with name and packages',
);

const definitionSchema = v.object(
  {
    language: text,
    fprocess: text,
    handler_folder: folder,
    welcome_message: text,
    build_options: v.nullish(v.array(buildOption, 'must be a list')),
  },
  'must be a map with language and fprocess',
);
