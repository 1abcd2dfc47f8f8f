import { isAbsolute, resolve } from 'node:path';
import * as v from 'valibot';
import { entryOf, placeOf, plainValue, type YamlEntry, type YamlNode } from './document.ts';
import { describeNameProblem, suggestFunctionName } from './name.ts';
import type { TextProblem } from './problem.ts';
import { quantityOf } from './quantity.ts';
import { describeScheduleDoubts } from './schedule.ts';
import { functionSchema, truths } from './schema.ts';
import type { StackFunction } from './stack.ts';

/** Reads one entry of `functions`; adds what is wrong and what is doubtful to the lists. Undefined when nothing usable is left. Paths are resolved against `folder`. */
export function decodeFunction(
  entry: YamlEntry,
  root: YamlNode,
  folder: string,
  problems: TextProblem[],
  warnings: TextProblem[],
): { function: Omit<StackFunction, 'position'>; environmentFiles: readonly string[] } | undefined {
  const path = `functions.${entry.key}`;
  const wrongName = describeNameProblem(entry.key);
  if (wrongName !== undefined) {
    const suggestion = suggestFunctionName(entry.key);
    problems.push({
      offset: entry.keyStart,
      path,
      message: `"${entry.key}" cannot be the name of a function: ${wrongName}`,
      ...(suggestion === undefined ? {} : { hint: `try ${suggestion}` }),
    });
  }
  const declaredBuild = entry.value.kind === 'map' && !isTrue(entryOf(entry.value, 'skip_build')?.value);
  const missing = declaredBuild ? ['lang', 'handler'].filter((field) => isNothing(entry.value, field)) : [];
  // faas-cli deploys such a function, and only complains when it is to be built.
  const asItIs = missing.length === 2 && !isNothing(entry.value, 'image');
  if (asItIs)
    warnings.push({
      offset: entry.keyStart,
      path,
      message: 'names neither lang nor handler: its image is deployed as it is, nothing is built',
      hint: 'say so with skip_build: true',
    });
  else
    for (const field of missing)
      problems.push({
        offset: entryOf(entry.value, field)?.keyStart ?? entry.keyStart,
        path: `${path}.${field}`,
        message: 'is missing',
        hint: 'needed unless skip_build is true',
      });
  const result = v.safeParse(functionSchema, plainValue(entry.value));
  if (!result.success) {
    problems.push(...issuesOf(result.issues, root, ['functions', entry.key]));
    return undefined;
  }
  const fields = result.output;
  const extension = fields['x-bantam'];
  if (fields.platforms && extension?.platforms) {
    problems.push({
      offset: placeOf(root, ['functions', entry.key, 'x-bantam', 'platforms'], 'key'),
      path: `${path}.x-bantam.platforms`,
      message: 'platforms are given twice',
      hint: `keep one of platforms and x-bantam.platforms`,
    });
  }
  for (const resource of excesses(fields))
    problems.push({
      offset: placeOf(root, ['functions', entry.key, 'requests', resource]),
      path: `${path}.requests.${resource}`,
      message: `${fields.requests?.[resource]} is more than the limit, ${fields.limits?.[resource]}`,
      hint: 'request at most the limit',
    });
  const secrets = fields.secrets ?? [];
  for (const [index, secret] of secrets.entries()) {
    if (secrets.indexOf(secret) < index)
      warnings.push({
        offset: placeOf(root, ['functions', entry.key, 'secrets', index]),
        path: `${path}.secrets.${index}`,
        message: `${secret} is named twice`,
      });
  }
  for (const { annotation, message, hint } of describeScheduleDoubts(fields.annotations ?? {}))
    warnings.push({
      offset: placeOf(root, ['functions', entry.key, 'annotations', annotation]),
      path: `${path}.annotations.${annotation}`,
      message,
      hint,
    });
  return {
    environmentFiles: fields.environment_file ?? [],
    function: {
      name: entry.key,
      // faas-cli means to accept `lang: Dockerfile` and does not manage to.
      language: fields.lang?.toLowerCase() === 'dockerfile' ? 'dockerfile' : fields.lang?.trim() ? fields.lang : '',
      handler: fields.handler?.trim()
        ? isAbsolute(fields.handler)
          ? fields.handler
          : resolve(folder, fields.handler)
        : undefined,
      image: fields.image,
      skipBuild: asItIs || (fields.skip_build ?? false),
      namespace: fields.namespace || undefined,
      process: fields.fprocess || undefined,
      environment: fields.environment ?? {},
      secrets: [...new Set(secrets)],
      labels: fields.labels ?? {},
      annotations: fields.annotations ?? {},
      constraints: fields.constraints ?? [],
      limits: resourcesOf(fields.limits),
      requests: resourcesOf(fields.requests),
      readOnlyRootFilesystem: fields.readonly_root_filesystem ?? false,
      buildArguments: fields.build_args ?? {},
      buildOptions: fields.build_options ?? [],
      buildSecrets: fields.build_secrets ?? {},
      platforms: fields.platforms ?? extension?.platforms ?? undefined,
      probe: extension?.probe ?? undefined,
    },
  };
}

/** Whether a field is left out, or empty. */
function isNothing(node: YamlNode, field: string): boolean {
  const given = entryOf(node, field);
  return given === undefined || (given.value.kind === 'scalar' && (given.value.value ?? '').trim() === '');
}

/** What is requested for a replica can be no more than its limit: Kubernetes refuses the update, and faas-netes does not tell. */
function excesses(fn: v.InferOutput<typeof functionSchema>): readonly ('memory' | 'cpu')[] {
  return (['memory', 'cpu'] as const).filter(
    (resource) => quantityOf(fn.requests?.[resource] ?? '') > quantityOf(fn.limits?.[resource] ?? ''),
  );
}

function isTrue(node: YamlNode | undefined): boolean {
  return node?.kind === 'scalar' && node.value !== null && truths.test(node.value);
}

function resourcesOf(
  fields: { memory?: string | null | undefined; cpu?: string | null | undefined } | null | undefined,
): StackFunction['limits'] {
  if (!fields?.memory && !fields?.cpu) return undefined;
  return { ...(fields.memory ? { memory: fields.memory } : {}), ...(fields.cpu ? { cpu: fields.cpu } : {}) };
}

/** The issues of a schema as problems with places; `prefix` is the path of the value that was checked. */
export function issuesOf(
  issues: readonly v.BaseIssue<unknown>[],
  root: YamlNode,
  prefix: readonly string[],
): TextProblem[] {
  return issues.map((issue) => {
    const path = [...prefix, ...(issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))];
    return { offset: placeOf(root, path), path: path.join('.'), message: issue.message };
  });
}
