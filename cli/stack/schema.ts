import * as v from 'valibot';
import { UserError } from '../errors.ts';
import { type Platform, parsePlatform, samePlatform } from '../oci/platform.ts';
import { parseReference } from '../oci/reference.ts';
import { isQuantity, quantityOf, suggestQuantity } from './quantity.ts';
import { parseRegistryPrefix } from './registry-prefix.ts';

/**
 * The fields of a stack file with their meanings (those of faas-cli 0.18, and `x-bantam`). The input is YAML's text:
 * every scalar is a string or null, so that `1.0` and `true` reach a function's environment as they are written.
 * Unknown keys are looked for elsewhere (keys.ts).
 */
const text = v.string(expected('text'));
const filledText = v.pipe(
  text,
  v.check((value) => value.trim() !== '', 'must not be empty'),
);
const textList = v.array(text, expected('a list'));
const flag = v.pipe(
  text,
  v.check(
    (value) => truths.test(value) || falsehoods.test(value),
    (issue) => `must be true or false, is "${issue.input}"`,
  ),
  v.transform((value) => truths.test(value)),
);

const image = v.pipe(filledText, refusedBy(parseReference));
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const quantity = v.pipe(
  text,
  v.check(
    (value) => value === '' || isQuantity(value),
    (issue) => `"${issue.input}" is no quantity: write ${suggestQuantity(issue.input)}`,
  ),
);
const memory = v.pipe(
  quantity,
  v.check(
    // No container starts with less, and bytes are what Kubernetes counts: 64 and 64m are slips for 64Mi.
    (value) => !(quantityOf(value) > 0 && quantityOf(value) < 2 ** 20),
    (issue) => `"${issue.input}" is less than 1Mi: did you mean ${issue.input.replace(/[a-zA-Z]+$/, '')}Mi?`,
  ),
);
const processors = v.pipe(
  quantity,
  v.check(
    (value) => !(quantityOf(value) > 1024),
    (issue) => `"${issue.input}" is more than 1024 processors: 0.5 and 500m are half a one`,
  ),
);
const resources = v.object(
  { memory: v.nullish(memory), cpu: v.nullish(processors) },
  expected('a map with memory and cpu'),
);

const platforms = v.pipe(
  v.union(
    [
      v.pipe(
        text,
        // Nothing between commas, or at all, is what a variable leaves that is empty.
        v.transform((value) => value.split(',').filter((part) => part.trim() !== '')),
      ),
      textList,
    ],
    expected('a list of platforms, as in linux/amd64,linux/arm64'),
  ),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const parsed: Platform[] = [];
    for (const entry of dataset.value) {
      const platform = accepts(() => parsePlatform(entry));
      if (platform instanceof UserError) {
        addIssue({ message: `${platform.message}; ${platform.hint}` });
        return NEVER;
      }
      if (!parsed.some((other) => samePlatform(other, platform))) parsed.push(platform);
    }
    return parsed.length === 0 ? undefined : parsed;
  }),
);

const labelValue = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
const labelName = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

const labels = textMap((name, value) => {
  if (!labelName.test(name)) return 'is no name for a label: letters, digits, ".", "_" and "-", at most 63';
  return labelValue.test(value)
    ? undefined
    : `"${value}" is no value for a label: letters, digits, ".", "_" and "-", at most 63; annotations may hold any text`;
});
const annotations = textMap((name) =>
  labelName.test(name) ? undefined : 'is no name for an annotation: letters, digits, ".", "_" and "-", at most 63',
);
const environment = textMap((name) =>
  name === '' || /[=\s]/.test(name) ? 'is no name for an environment variable' : undefined,
);

/** `KEY=VALUE` of faas-netes and, of Swarm's days, `KEY == VALUE` and `KEY != VALUE`. */
const constraint = v.pipe(
  text,
  v.regex(
    /^\s*[A-Za-z0-9][\w./-]*\s*[=!]?=\s*[\w.-]+\s*$/,
    (issue) => `"${issue.input}" is no constraint: write KEY=VALUE, as in kubernetes.io/arch=arm64`,
  ),
);

const secret = v.pipe(
  text,
  v.regex(
    /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
    (issue) => `"${issue.input}" is no name for a secret: use lower-case letters, digits, "-" and "."`,
  ),
);

export const providerSchema = v.object(
  {
    name: v.pipe(
      text,
      v.literal('openfaas', (issue) => `must be openfaas, is "${issue.input}"`),
    ),
    gateway: v.nullish(text),
  },
  expected('a map with name: openfaas'),
);

export const functionExtensionSchema = v.object(
  {
    platforms: v.nullish(platforms),
    probe: v.nullish(
      v.pipe(
        text,
        v.regex(/^\/[^\s#]*$/, (issue) => `must be a path that begins with /, is "${issue.input}"`),
      ),
    ),
  },
  expected('a map'),
);

/** `x-bantam.targets.NAME`. The names are part of the names of variables (BANTAM_GATEWAY_PASSWORD_PI). */
export const targetSchema = v.object(
  {
    gateway: v.nullish(filledText),
    registry: v.nullish(v.pipe(filledText, refusedBy(parseRegistryPrefix))),
    namespace: v.nullish(
      v.pipe(
        text,
        v.regex(label, (issue) => `"${issue.input}" is no name of a namespace`),
      ),
    ),
    platforms: v.nullish(platforms),
  },
  expected('a map with gateway, registry, namespace and platforms'),
);
const targetName = v.pipe(
  text,
  v.regex(label, (issue) => `"${issue.input}" is no name for a target: lower-case letters, digits and hyphens`),
);

export const stackExtensionSchema = v.object(
  {
    platforms: v.nullish(platforms),
    targets: v.nullish(v.record(targetName, targetSchema, expected('a map, as in pi: {gateway: …}'))),
  },
  expected('a map'),
);

export const resourcesSchema = resources;

export const functionSchema = v.object(
  {
    lang: v.nullish(text),
    handler: v.nullish(text),
    image,
    fprocess: v.nullish(text),
    environment: v.nullish(environment),
    environment_file: v.nullish(v.array(filledText, expected('a list'))),
    secrets: v.nullish(v.array(secret, expected('a list'))),
    skip_build: v.nullish(flag),
    constraints: v.nullish(v.array(constraint, expected('a list'))),
    labels: v.nullish(labels),
    annotations: v.nullish(annotations),
    limits: v.nullish(resources),
    requests: v.nullish(resources),
    readonly_root_filesystem: v.nullish(flag),
    build_options: v.nullish(textList),
    build_args: v.nullish(textMap()),
    build_secrets: v.nullish(textMap()),
    namespace: v.nullish(
      v.pipe(
        text,
        v.check(
          (value) => value === '' || label.test(value),
          (issue) => `"${issue.input}" is no namespace: use at most 63 of a-z, 0-9 and "-"`,
        ),
      ),
    ),
    platforms: v.nullish(platforms),
    'x-bantam': v.nullish(functionExtensionSchema),
  },
  expected('a map with lang, handler and image'),
);

export const templateSourceSchema = v.object(
  { name: filledText, source: v.nullish(text) },
  expected('a map with name and source'),
);
export const templateSourceKeys = ['name', 'source'] as const;

export const configurationSchema = v.object(
  { templates: v.nullish(v.array(templateSourceSchema, expected('a list'))), copy: v.nullish(textList) },
  expected('a map with templates and copy'),
);

/** The top level without the functions, which are read one by one. */
export const stackSchema = v.object(
  {
    version: v.nullish(
      v.pipe(
        text,
        v.check(
          (value) => value === '' || value === '1.0',
          (issue) => `must be 1.0, is "${issue.input}"`,
        ),
      ),
    ),
    provider: providerSchema,
    functions: v.optional(v.unknown()),
    configuration: v.nullish(configurationSchema),
    'x-bantam': v.nullish(stackExtensionSchema),
  },
  expected('a map with provider and functions'),
);

/** The one field of a file named in `environment_file`. */
export const environmentFileSchema = v.object(
  { environment: v.nullish(environment) },
  expected('a map with environment'),
);

/** How YAML 1.1, and so faas-cli, spells true. */
export const truths = /^(?:true|True|TRUE|y|Y|yes|Yes|YES|on|On|ON)$/;
const falsehoods = /^(?:false|False|FALSE|n|N|no|No|NO|off|Off|OFF|)$/;

/** A map of text to text; null is the empty text. `check` says what is wrong with an entry. */
function textMap(check: (name: string, value: string) => string | undefined = () => undefined) {
  return v.pipe(
    v.custom<Readonly<Record<string, unknown>>>(
      (input) => kindOf(input) === 'a map',
      expected('a map, as in NAME: value'),
    ),
    v.rawTransform(({ dataset, addIssue }) => {
      const result: Record<string, string> = {};
      for (const [key, value] of Object.entries(dataset.value)) {
        const problem =
          value !== null && typeof value !== 'string' ? `must be text, is ${kindOf(value)}` : check(key, value ?? '');
        if (problem !== undefined)
          addIssue({
            message: problem,
            path: [{ type: 'object', origin: 'value', input: { ...dataset.value }, key, value }],
          });
        else if (value === null || typeof value === 'string')
          Object.defineProperty(result, key, {
            value: value ?? '',
            enumerable: true,
            writable: true,
            configurable: true,
          });
      }
      return result;
    }),
  );
}

/** Turns the sentence of a parser's UserError into an issue. */
function refusedBy(parse: (value: string) => unknown) {
  return v.rawCheck<string>(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value.trim() === '') return;
    const value = dataset.value;
    const refused = accepts(() => parse(value));
    if (refused instanceof UserError) addIssue({ message: `${refused.message}; ${refused.hint}` });
  });
}

function accepts<Result>(parse: () => Result): Result | UserError {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

function expected(what: string): (issue: v.BaseIssue<unknown>) => string {
  return ({ input }) => {
    // Of a field that is not there, the schema of the map around it tells.
    if (input === undefined) return 'is missing';
    return input === null ? `is empty: must be ${what}` : `must be ${what}, is ${kindOf(input)}`;
  };
}

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (input === null || input === undefined) return 'empty';
  return typeof input === 'object' ? 'a map' : 'text';
}
