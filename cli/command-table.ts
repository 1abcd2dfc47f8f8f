import type { Command } from './command.ts';
import { globalOptions, takesValue, wordsOf } from './global-options.ts';

/** What each noun is about, in the order of `--help`. */
export const nouns: Readonly<Record<string, string>> = {
  fn: 'functions: scaffold, build, test, deploy, look after',
  image: 'images in registries: where they really run, what is in them',
  template: 'template packs: list, pull, verify',
  secret: 'secrets of the gateway',
  local: 'a gateway of your own on this machine',
};

/** A row of the table: how a command is called, what help says of it, and where it is. `everyday`: callable without its noun too. */
export interface CommandRow {
  readonly path: readonly [string] | readonly [string, string];
  readonly everyday?: true;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** The table of commands, in the order of `--help`. Only the one that is called is loaded. */
export const commands: readonly CommandRow[] = [
  {
    path: ['fn', 'new'],
    everyday: true,
    summary: 'scaffold a function and add it to the stack file',
    load: async () => (await import('./commands/fn/new.ts')).newFunction,
  },
  {
    path: ['fn', 'build'],
    everyday: true,
    summary: 'build the functions’ images for all platforms',
    load: async () => (await import('./commands/fn/build.ts')).build,
  },
  {
    path: ['fn', 'test'],
    everyday: true,
    summary: 'run the built image of a function, of any platform, and call it',
    load: async () => (await import('./commands/fn/test.ts')).test,
  },
  {
    path: ['fn', 'deploy'],
    everyday: true,
    summary: 'build, push, deploy, and watch until the new code answers',
    load: async () => (await import('./commands/fn/deploy.ts')).deploy,
  },
  {
    path: ['fn', 'list'],
    everyday: true,
    summary: 'list declared and deployed functions',
    load: async () => (await import('./commands/fn/list.ts')).list,
  },
  {
    path: ['fn', 'describe'],
    summary: 'show what the gateway tells about one function',
    load: async () => (await import('./commands/fn/describe.ts')).describe,
  },
  {
    path: ['fn', 'invoke'],
    everyday: true,
    summary: 'call a function through the gateway',
    load: async () => (await import('./commands/fn/invoke.ts')).invoke,
  },
  {
    path: ['fn', 'logs'],
    everyday: true,
    summary: 'show what functions wrote to their logs',
    load: async () => (await import('./commands/fn/logs.ts')).logs,
  },
  {
    path: ['fn', 'scale'],
    summary: 'ask the gateway for a number of replicas',
    load: async () => (await import('./commands/fn/scale.ts')).scale,
  },
  {
    path: ['fn', 'remove'],
    summary: 'remove functions from the gateway (sources and images stay)',
    load: async () => (await import('./commands/fn/remove.ts')).remove,
  },
  {
    path: ['secret', 'create'],
    summary: 'create a secret: from a file, a variable, standard input or typed',
    load: async () => (await import('./commands/secret/create.ts')).create,
  },
  {
    path: ['secret', 'list'],
    summary: 'list secrets, who uses them, and which ones are missing',
    load: async () => (await import('./commands/secret/list.ts')).list,
  },
  {
    path: ['secret', 'update'],
    summary: 'give a secret a new value, and name the functions to redeploy',
    load: async () => (await import('./commands/secret/update.ts')).update,
  },
  {
    path: ['secret', 'remove'],
    summary: 'remove secrets that no deployed function uses',
    load: async () => (await import('./commands/secret/remove.ts')).remove,
  },
  {
    path: ['secret', 'apply'],
    summary: 'create or update a secret from each file of .secrets',
    load: async () => (await import('./commands/secret/apply.ts')).apply,
  },
  {
    path: ['image', 'check'],
    summary: 'say on which nodes images really run, and why',
    load: async () => (await import('./commands/image/check.ts')).check,
  },
  {
    path: ['image', 'inspect'],
    summary: 'show what is in an image: sizes, layers, program, settings',
    load: async () => (await import('./commands/image/inspect.ts')).inspect,
  },
  {
    path: ['template', 'list'],
    summary: 'list the project’s templates: where they come from, whether they were changed',
    load: async () => (await import('./commands/template/list.ts')).listTemplates,
  },
  {
    path: ['template', 'pull'],
    summary: 'bring templates from git repositories and lock what they are',
    load: async () => (await import('./commands/template/pull.ts')).pull,
  },
  {
    path: ['template', 'verify'],
    summary: 'check that the templates are what the lock file says',
    load: async () => (await import('./commands/template/verify.ts')).verify,
  },
  {
    path: ['local', 'up'],
    summary: 'run a gateway here, without Docker, that keeps what is deployed',
    load: async () => (await import('./commands/local/up.ts')).up,
  },
  {
    path: ['local', 'status'],
    summary: 'show the local gateway, what runs in it, and its limits',
    load: async () => (await import('./commands/local/status.ts')).status,
  },
  {
    path: ['local', 'down'],
    summary: 'stop the local gateway, wherever it was started',
    load: async () => (await import('./commands/local/down.ts')).down,
  },
  {
    path: ['login'],
    summary: 'check and save the credentials of a gateway (shared with faas-cli)',
    load: async () => (await import('./commands/login.ts')).login,
  },
  {
    path: ['logout'],
    summary: 'forget the credentials of a gateway',
    load: async () => (await import('./commands/logout.ts')).logout,
  },
  {
    path: ['doctor'],
    summary: 'check what this machine has for building and deploying',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    path: ['completion'],
    summary: 'print a script that completes commands and names in a shell',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
];

/** The row that a command line calls, found by its first words; the parser has the last word on everything else. */
export function calledRow(argv: readonly string[]): CommandRow | undefined {
  const [first, second] = namesIn(argv);
  return commands.find(
    ({ path, everyday }) =>
      (path[0] === first && (path[1] === undefined || path[1] === second)) || (everyday === true && path[1] === first),
  );
}

/** Where a command that could not be found was looked for: the words of the group it was called in, empty for bantam itself. */
export function groupOf(argv: readonly string[]): readonly string[] {
  const [first] = namesIn(argv);
  return first !== undefined && first in nouns ? [first] : [];
}

/** Commands that need their noun and were called without it, as they are called. */
export function calledElsewhere(argv: readonly string[]): readonly string[] {
  const [first] = namesIn(argv);
  return commands.filter(({ path }) => path[1] === first).map(({ path }) => `bantam ${path.join(' ')}`);
}

/**
 * A line that asks for help as `COMMAND --help`, however it asks: `help fn build`, `fn help build`. The help of what there is
 * not is no help: such a line becomes the call of it, which the parser refuses.
 */
export function askHelp(argv: readonly string[]): readonly string[] {
  const names = namesIn(argv);
  const at = names[0] === 'help' ? 0 : names[1] === 'help' && groupOf(names).length === 1 ? 1 : -1;
  const end = argv.indexOf('--');
  const byOption = argv.some((word, index) => (word === '-h' || word === '--help') && (end < 0 || index < end));
  if (at < 0 && !byOption) return argv;
  const asked = names.filter((_, index) => index !== at);
  const found = asked.length === groupOf(asked).length || calledRow(asked) !== undefined;
  const json = argv.includes('--json') ? ['--json'] : [];
  if (!found) return [...asked, ...json];
  return at < 0 ? argv : [...asked, '--help'];
}

/** The words that are neither options nor values of the options that every command takes. */
function namesIn(argv: readonly string[]): readonly string[] {
  const withValue = new Set(globalOptions.filter(takesValue).flatMap(({ flags }) => wordsOf(flags)));
  return argv.filter((word, position) => !word.startsWith('-') && !withValue.has(argv[position - 1] ?? ''));
}
