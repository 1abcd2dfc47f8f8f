import { Command as CommanderCommand, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Command, OptionSpecification } from './command.ts';
import { type GlobalOptions, nobodyReads, openContext, packageVersion, type Surroundings } from './context.ts';
import { describeFailure, type ExitCode, exitCodeOf, exitCodes, Interrupted, UserError } from './errors.ts';
import { openReporter } from './ui/open-reporter.ts';
import type { Reporter } from './ui/reporter.ts';

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
    path: ['local', 'up'],
    summary: 'run an OpenFaaS gateway on this machine (needs Docker)',
    load: async () => (await import('./commands/local/up.ts')).up,
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
];

const nouns: Readonly<Record<string, string>> = {
  fn: 'functions: scaffold, build, test, deploy, look after',
  local: 'a gateway of your own on this machine',
};

/** Runs one command line and returns the exit code; prints through the reporter only. */
export async function runProgramLine(argv: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let exit: ExitCode = exitCodes.done;
  const wantsJson = argv.includes('--json');
  const reporter = openReporter({
    ...surroundings,
    json: wantsJson,
    quiet: has(argv, '-q', '--quiet'),
    verbose: has(argv, '-v', '--verbose'),
    color: !argv.includes('--no-color'),
  });
  const act: Act = async (command, names, values) => {
    const globals = readGlobals(values);
    const answer = await command.run(
      { names, options: readOptions(command, values), globals },
      openContext(surroundings, globals, reporter.report),
    );
    exit = answer.exit ?? exitCodes.done;
    await reporter.answer(answer, exit === exitCodes.done);
    await answer.afterwards?.();
  };
  const called = calledRow(argv);
  const program = describeProgram(
    surroundings,
    act,
    wantsJson,
    called && { row: called, command: await called.load() },
  );
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError)
      exit = thrown.exitCode === 0 ? exitCodes.done : usage(reporter, thrown, wantsJson);
    else {
      const failure = describeFailure(
        surroundings.signal.aborted && !(thrown instanceof UserError) ? new Interrupted() : thrown,
      );
      if (surroundings.signal.reason === nobodyReads && failure.code === 'BAN-INTERRUPTED') exit = exitCodes.done;
      else {
        reporter.fail(failure);
        exit = exitCodeOf(failure);
      }
    }
  }
  await reporter.close();
  return exit;
}

function usage(reporter: Reporter, thrown: CommanderError, wantsJson: boolean): ExitCode {
  const message =
    thrown.message === '(outputHelp)'
      ? 'no command was named; --help lists them'
      : thrown.message.replace(/^error: /, '');
  // Off --json commander has printed its own sentence, with "Did you mean".
  if (wantsJson) reporter.fail({ code: 'BAN-E001', message });
  return exitCodes.usage;
}

type Act = (command: Command, names: readonly string[], values: Record<string, unknown>) => Promise<void>;

/** The row that a command line calls, found by its first words; the parser has the last word on everything else. */
function calledRow(argv: readonly string[]): CommandRow | undefined {
  const takesValue = new Set<string | undefined>(
    globalOptions().flatMap((option) => (option.required ? [option.short, option.long] : [])),
  );
  const words = argv.filter((word, position) => !word.startsWith('-') && !takesValue.has(argv[position - 1] ?? ''));
  const [first, second] = words;
  return commands.find(
    ({ path, everyday }) =>
      (path[0] === first && (path[1] === undefined || path[1] === second)) || (everyday === true && path[1] === first),
  );
}

function describeProgram(
  surroundings: Surroundings,
  act: Act,
  wantsJson: boolean,
  called: { readonly row: CommandRow; readonly command: Command } | undefined,
): CommanderCommand {
  const program = configure(new CommanderCommand('bantam'), surroundings, wantsJson)
    .description(
      'Functions for a Raspberry Pi cluster: scaffold, cross-build, push, deploy, and prove that the new code answers.',
    )
    .version(packageVersion(surroundings.packageFolder), '--version', 'print the version')
    .addHelpText('after', '\nStart: bantam fn new hello --lang ts');
  for (const option of globalOptions()) program.addOption(option);
  const groups = new Map<string, CommanderCommand>();
  for (const row of commands) {
    const [noun, verb] = row.path;
    const command = called?.row === row ? called.command : undefined;
    if (verb === undefined) {
      add(program, noun, row, command, act, false);
      continue;
    }
    const group = groups.get(noun) ?? program.command(noun).description(nouns[noun] ?? '');
    groups.set(noun, group);
    add(group, verb, row, command, act, false);
    if (row.everyday === true) add(program, verb, row, command, act, true);
  }
  return program;
}

/** Settings that commander hands on to every command below. */
function configure(command: CommanderCommand, { stdout, stderr }: Surroundings, quiet: boolean): CommanderCommand {
  return command
    .exitOverride()
    .showHelpAfterError('(--help shows what this command takes)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => {
        // With --json the document on stdout says it.
        if (!quiet) stderr.write(text);
      },
    });
}

function add(
  parent: CommanderCommand,
  word: string,
  row: CommandRow,
  command: Command | undefined,
  act: Act,
  short: boolean,
): void {
  const described = parent.command(word).description(row.summary);
  if (short) described.helpGroup('Everyday (short for `bantam fn …`):');
  if (command === undefined) return;
  described.addHelpText('after', `\nExamples:\n${command.examples.map((example) => `  $ ${example}`).join('\n')}`);
  for (const argument of command.arguments ?? []) described.argument(argument.name, argument.description);
  for (const [name, specification] of Object.entries(command.options))
    described.addOption(optionOf(name, specification));
  described.action(async (...received: unknown[]) => {
    const names = received
      .slice(0, -2)
      .flat()
      .filter((name): name is string => typeof name === 'string');
    await act(command, names, described.optsWithGlobals());
  });
}

function optionOf(name: string, specification: OptionSpecification): Option {
  const option = new Option(specification.flags, specification.description);
  if (option.attributeName() !== attributeOf(name))
    throw new Error(
      `option ${specification.flags} is called ${name} in its command and ${option.attributeName()} by the parser`,
    );
  if (specification.kind === 'list') {
    return option.argParser((value: string, earlier: string[] | undefined) => [
      ...(earlier ?? []),
      ...value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    ]);
  }
  if (specification.kind === 'number') {
    return option.argParser((value: string) => {
      if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It takes a whole number.');
      return Number(value);
    });
  }
  return option;
}

function globalOptions(): Option[] {
  return [
    new Option('-f, --stack <file>', 'the stack file (default: stack.yaml or stack.yml here or above)'),
    new Option('--yaml <file>', 'the same, as faas-cli calls it').hideHelp(),
    new Option('-g, --gateway <url>', 'the gateway (default: the stack file’s, else $OPENFAAS_URL)'),
    new Option('-n, --namespace <name>', 'the namespace of the functions'),
    new Option('--json', 'one JSON document on stdout, also on failure'),
    new Option('-q, --quiet', 'the answer only, no story'),
    new Option('-v, --verbose', 'all of the story: requests, command lines, output of builds'),
    new Option('--no-color', 'no colour'),
    new Option('-y, --yes', 'answer questions with yes'),
  ];
}

function readGlobals(values: Record<string, unknown>): GlobalOptions {
  const text = (name: string): string | undefined => (typeof values[name] === 'string' ? values[name] : undefined);
  return {
    stack: text('stack') ?? text('yaml'),
    gateway: text('gateway'),
    namespace: text('namespace'),
    json: values['json'] === true,
    yes: values['yes'] === true,
  };
}

/** The parser calls `--no-build` "build" and sets it to false; commands see it as the flag `noBuild`. */
function attributeOf(name: string): string {
  return /^no[A-Z]/.test(name) ? `${name[2]?.toLowerCase()}${name.slice(3)}` : name;
}

function readOptions(command: Command, values: Record<string, unknown>): Record<string, never> {
  const read = (name: string, { kind }: OptionSpecification): unknown => {
    const value = values[attributeOf(name)];
    if (kind === 'flag') return attributeOf(name) === name ? value === true : value === false;
    return value ?? (kind === 'list' ? [] : undefined);
  };
  return Object.fromEntries(
    Object.entries(command.options).map(([name, specification]) => [name, read(name, specification)]),
  ) as Record<string, never>;
}

function has(argv: readonly string[], short: string, long: string): boolean {
  return argv.includes(short) || argv.includes(long);
}
