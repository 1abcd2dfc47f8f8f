import type { YamlNode } from './document.ts';
import { entryOf } from './document.ts';
import type { TextProblem } from './problem.ts';
import {
  configurationSchema,
  functionExtensionSchema,
  functionSchema,
  providerSchema,
  resourcesSchema,
  stackExtensionSchema,
  stackSchema,
  targetSchema,
  templateSourceKeys,
} from './schema.ts';
import { oneEditAway, suggest } from './suggest.ts';

/** Unknown keys: slips of the keyboard are errors, everything else (a field of a newer faas-cli, perhaps) is a warning. */
export interface KeyFindings {
  readonly problems: readonly TextProblem[];
  readonly warnings: readonly TextProblem[];
}

/** Looks for keys of a stack file that nobody reads. Keys that begin with `x-` are free, except those near to `x-bantam`. */
export function checkStackKeys(root: YamlNode): KeyFindings {
  const findings = { problems: [] as TextProblem[], warnings: [] as TextProblem[] };
  const check = (node: YamlNode | undefined, known: readonly string[], path: string): void =>
    checkKeys(node, known, path, findings);
  check(root, Object.keys(stackSchema.entries), '');
  check(entryOf(root, 'provider')?.value, Object.keys(providerSchema.entries), 'provider');
  check(entryOf(root, 'x-bantam')?.value, Object.keys(stackExtensionSchema.entries), 'x-bantam');
  const targets = entryOf(entryOf(root, 'x-bantam')?.value, 'targets')?.value;
  for (const { key, value } of targets?.kind === 'map' ? targets.entries : [])
    check(value, Object.keys(targetSchema.entries), `x-bantam.targets.${key}`);
  const configuration = entryOf(root, 'configuration')?.value;
  check(configuration, Object.keys(configurationSchema.entries), 'configuration');
  const templates = entryOf(configuration, 'templates')?.value;
  if (templates?.kind === 'list')
    for (const [index, item] of templates.items.entries())
      check(item, templateSourceKeys, `configuration.templates.${index}`);
  const functions = entryOf(root, 'functions')?.value;
  for (const { key, value } of functions?.kind === 'map' ? functions.entries : []) {
    const path = `functions.${key}`;
    check(value, Object.keys(functionSchema.entries), path);
    check(entryOf(value, 'x-bantam')?.value, Object.keys(functionExtensionSchema.entries), `${path}.x-bantam`);
    for (const field of ['limits', 'requests'])
      check(entryOf(value, field)?.value, Object.keys(resourcesSchema.entries), `${path}.${field}`);
  }
  return findings;
}

/** The same for one map: adds to `findings` what is not among `known`. */
export function checkKeys(
  node: YamlNode | undefined,
  known: readonly string[],
  path: string,
  findings: { problems: TextProblem[]; warnings: TextProblem[] },
): void {
  // To the schema a list is an object, too.
  if (node?.kind === 'list') findings.problems.push({ offset: node.start, path, message: 'must be a map, is a list' });
  if (node?.kind !== 'map') return;
  for (const { key, keyStart } of node.entries) {
    if (known.includes(key)) continue;
    const slip = oneEditAway(key, known);
    if (slip === undefined && key.startsWith('x-')) continue;
    const near = slip ?? suggest(key, known)[0];
    const finding = {
      offset: keyStart,
      path: path === '' ? key : `${path}.${key}`,
      message: 'unknown key',
      ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
    };
    (slip === undefined ? findings.warnings : findings.problems).push(
      slip === undefined ? { ...finding, message: 'unknown key, not used' } : finding,
    );
  }
}
