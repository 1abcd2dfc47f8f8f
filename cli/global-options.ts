import type { OptionSpecification } from './command.ts';
import type { GlobalOptions } from './context.ts';

/** An option of every command. `hidden`: another word for one that help shows already. */
export type GlobalOptionSpecification = OptionSpecification & { readonly hidden?: true };

/** The options of every command, in the order of `--help`. */
export const globalOptions: readonly GlobalOptionSpecification[] = [
  {
    flags: '-f, --stack <file>',
    kind: 'text',
    description: 'the stack file (default: stack.yaml or stack.yml here or above)',
  },
  { flags: '--yaml <file>', kind: 'text', description: 'the same, as faas-cli calls it', hidden: true },
  {
    flags: '-g, --gateway <url>',
    kind: 'text',
    description: 'the gateway (default: the target’s, the stack file’s, else $OPENFAAS_URL)',
  },
  { flags: '-n, --namespace <name>', kind: 'text', description: 'the namespace of the functions' },
  {
    flags: '-t, --target <name>',
    kind: 'text',
    description: 'gateway, registry, namespace and platforms of x-bantam.targets (also $BANTAM_TARGET)',
  },
  { flags: '--json', kind: 'flag', description: 'one JSON document on stdout, also on failure' },
  { flags: '-q, --quiet', kind: 'flag', description: 'the answer only, no story' },
  { flags: '-v, --verbose', kind: 'flag', description: 'all of the story: requests, command lines, output of builds' },
  { flags: '--no-color', kind: 'flag', description: 'no colour' },
  { flags: '-y, --yes', kind: 'flag', description: 'answer questions with yes' },
];

/** What the parser found of them; its values are checked here, once. */
export function readGlobals(values: Readonly<Record<string, unknown>>): GlobalOptions {
  const text = (name: string): string | undefined => (typeof values[name] === 'string' ? values[name] : undefined);
  return {
    stack: text('stack') ?? text('yaml'),
    gateway: text('gateway'),
    namespace: text('namespace'),
    target: text('target'),
    json: values['json'] === true,
    yes: values['yes'] === true,
  };
}

/** The words that name an option: `-f, --stack <file>` gives `-f` and `--stack`. */
export function wordsOf(flags: string): readonly string[] {
  return flags.split(/[ ,|]+/).filter((word) => word.startsWith('-'));
}

/** True if the next word of the command line belongs to the option. */
export function takesValue(specification: OptionSpecification): boolean {
  return specification.kind !== 'flag';
}
