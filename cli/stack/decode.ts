import { resolve } from 'node:path';
import * as v from 'valibot';
import { decodeFunction, issuesOf } from './decode-function.ts';
import { entryOf, type ParsedYaml, parseYaml, placeOf, plainValue, type YamlEntry, type YamlNode } from './document.ts';
import { imageClashes } from './image-clashes.ts';
import { checkStackKeys } from './keys.ts';
import { locator, type StackProblem, type TextProblem } from './problem.ts';
import { parseRegistryPrefix } from './registry-prefix.ts';
import { stackSchema, type targetSchema } from './schema.ts';
import type { Stack, StackConfiguration, StackFunction, Target } from './stack.ts';
import { substitute } from './substitute.ts';

/** A file that `environment_file` names, to be read and merged into the environment of `function`. */
export interface EnvironmentFile {
  readonly function: string;
  readonly file: string;
  /** Where it is named. */
  readonly named: { readonly stack: string; readonly line: number; readonly column: number; readonly path: string };
}

/** What a stack's text means. `stack` is undefined when there are problems that leave nothing to use; environment files are not read yet. */
export interface DecodedStack {
  readonly stack: Stack | undefined;
  readonly environmentFiles: readonly EnvironmentFile[];
  readonly problems: readonly StackProblem[];
  readonly warnings: readonly StackProblem[];
}

/** Reads the text of the stack file `file` (absolute; nothing is opened): substitution, YAML, schema, meaning. Never throws for bad text; all problems come at once. */
export function decodeStack(
  text: string,
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): DecodedStack {
  const folder = resolve(file, '..');
  const substituted = substitute(text, environment);
  const locate = locator(text);
  const place = (offset: number): { readonly line: number; readonly column: number } =>
    locate(substituted.originalOffset(offset));
  const placed = (problem: TextProblem): StackProblem => ({
    file,
    ...place(problem.offset),
    path: problem.path,
    message: problem.message,
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
  });

  const parsed = parseYaml(substituted.text);
  const unset = substituted.problems.map((problem) => ({
    file,
    ...locate(problem.offset),
    path: problem.path,
    message: problem.message,
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
  }));
  const { root } = parsed;
  const formal = formalProblems(parsed);
  if (root === undefined || root.kind !== 'map' || !parsed.whole) {
    return {
      stack: undefined,
      environmentFiles: [],
      problems: [...unset, ...formal.map(placed)],
      warnings: parsed.warnings.map(placed),
    };
  }

  const keys = checkStackKeys(root);
  const top = v.safeParse(stackSchema, plainValue(root));
  const problems = [...formal, ...keys.problems, ...(top.success ? [] : issuesOf(top.issues, root, []))];
  const warnings = [...parsed.warnings, ...keys.warnings];
  const functions: StackFunction[] = [];
  const environmentFiles: EnvironmentFile[] = [];
  for (const entry of functionEntries(root, problems)) {
    const decoded = decodeFunction(entry, root, folder, problems, warnings);
    if (decoded === undefined) continue;
    functions.push({ ...decoded.function, position: place(entry.keyStart) });
    for (const [index, name] of decoded.environmentFiles.entries()) {
      const path = ['functions', entry.key, 'environment_file', index];
      environmentFiles.push({
        function: entry.key,
        file: resolve(folder, name),
        named: { stack: file, ...place(placeOf(root, path)), path: path.join('.') },
      });
    }
  }
  problems.push(...imageClashes(functions, (name) => placeOf(root, ['functions', name, 'image'])));
  // A text that lacks a variable's value is not judged by its fields: an empty image would only repeat what is said already.
  const judged =
    unset.length > 0
      ? problems.filter(
          ({ offset }) => !substituted.problems.some((problem) => sameLine(locate(problem.offset), place(offset))),
        )
      : problems;
  const all = [...unset, ...judged.map(placed)];
  const stack = top.success
    ? {
        file,
        folder,
        gateway: top.output.provider.gateway ?? undefined,
        functions,
        platforms: top.output['x-bantam']?.platforms ?? undefined,
        ...(top.output['x-bantam']?.targets ? { targets: targetsOf(top.output['x-bantam'].targets) } : {}),
        ...(top.output.configuration ? { configuration: configurationOf(top.output.configuration) } : {}),
      }
    : undefined;
  return { stack, environmentFiles, problems: all, warnings: warnings.map(placed) };
}

/** What is wrong before any field is looked at: YAML's form, an empty text, something that is no map. */
export function formalProblems({ root, problems }: ParsedYaml): readonly TextProblem[] {
  if (problems.length > 0) return problems;
  if (root === undefined || (root.kind === 'scalar' && root.value === null))
    return [{ offset: 0, path: '', message: 'the file is empty' }];
  return root.kind === 'map'
    ? []
    : [{ offset: root.start, path: '', message: `must be a map, is ${root.kind === 'list' ? 'a list' : 'text'}` }];
}

function sameLine(left: { readonly line: number }, right: { readonly line: number }): boolean {
  return left.line === right.line;
}

function functionEntries(root: YamlNode, problems: TextProblem[]): readonly YamlEntry[] {
  const entry = entryOf(root, 'functions');
  if (entry === undefined || (entry.value.kind === 'scalar' && entry.value.value === null)) return [];
  if (entry.value.kind === 'map') return entry.value.entries;
  problems.push({
    offset: entry.value.start,
    path: 'functions',
    message: `must be a map, as in NAME: {lang: …}, is ${entry.value.kind === 'list' ? 'a list' : 'text'}`,
  });
  return [];
}

function targetsOf(targets: Readonly<Record<string, v.InferOutput<typeof targetSchema>>>): readonly Target[] {
  return Object.entries(targets).map(([name, { gateway, registry, namespace, platforms }]) => ({
    name,
    gateway: gateway ?? undefined,
    registry: registry == null ? undefined : parseRegistryPrefix(registry),
    namespace: namespace ?? undefined,
    platforms: platforms ?? undefined,
  }));
}

function configurationOf(fields: {
  templates?: readonly { name: string; source?: string | null | undefined }[] | null | undefined;
  copy?: readonly string[] | null | undefined;
}): StackConfiguration {
  return {
    templates: (fields.templates ?? []).map(({ name, source }) => ({ name, source: source ?? undefined })),
    copy: fields.copy ?? [],
  };
}
