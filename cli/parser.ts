import { Command as CommanderCommand, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Command, OptionSpecification } from './command.ts';
import { type CommandRow, calledElsewhere, commands, groupOf, nouns } from './command-table.ts';
import type { Surroundings } from './context.ts';
import { type GlobalOptionSpecification, globalOptions, wordsOf } from './global-options.ts';
import { packageVersion } from './package-version.ts';

/** Carries out the command that was called, with its positional arguments and the parser's values of all options. */
export type Act = (command: Command, names: readonly string[], values: Record<string, unknown>) => Promise<void>;

/** What the parser has against a command line. `shown`: help or the version was asked for and written; `incomplete`: help was written in place of a command. */
export type Parsed =
  | { readonly outcome: 'ran' | 'shown' }
  | { readonly outcome: 'wrong' | 'incomplete'; readonly message: string; readonly hint: string };

/** Parses a command line and carries out what it calls; what that throws comes through. `called` is the only command whose options are known. */
export async function parseLine(
  argv: readonly string[],
  surroundings: Surroundings,
  act: Act,
  options: { readonly json: boolean; readonly called: CalledCommand | undefined },
): Promise<Parsed> {
  try {
    await describeProgram(surroundings, act, options.json, options.called).parseAsync(
      [...endOptionalValues(argv, options.called?.command)],
      { from: 'user' },
    );
    return { outcome: 'ran' };
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return { outcome: 'shown' };
    const called = ['bantam', ...(options.called?.row.path ?? groupOf(argv))].join(' ');
    if (thrown.message === '(outputHelp)')
      return { outcome: 'incomplete', message: 'no command was named', hint: `${called} --help lists them` };
    // The sentence comes first; a second line holds the parser's suggestion.
    const [sentence = '', suggestion] = withoutValue(
      thrown.message.replace(/^error: /, ''),
      options.called?.row.path[0],
    ).split('\n');
    const elsewhere = options.called === undefined && called === 'bantam' ? calledElsewhere(argv) : [];
    const meant =
      elsewhere.length > 0
        ? `did you mean ${elsewhere.join(' or ')}?`
        : /^\(D(id you mean .*\?)\)$/i.exec(suggestion ?? '')?.[1]?.replace(/^/, 'd');
    const help = `${called} --help shows what ${options.called === undefined ? 'there is' : 'it takes'}`;
    const hint = [meant, describeUsage(thrown.code, called, options.called), help].filter(Boolean).join(' ');
    return { outcome: 'wrong', message: sentence, hint };
  }
}

/** The form of a command of which an argument is missing. */
function describeUsage(code: string, called: string, row: CalledCommand | undefined): string {
  if (code !== 'commander.missingArgument' || row === undefined) return '';
  return `write ${called} ${(row.command.arguments ?? []).map(({ name }) => name).join(' ')};`;
}

/** What stands behind an option that is not known may be a secret (`--form-literal=…`, and `-p…` where passwords are typed): it is not repeated. */
function withoutValue(message: string, noun: string | undefined): string {
  const cut = message.replace(/^(unknown option '-[^=]*)=[\s\S]*?'(?=(?:\n\(Did you mean [^\n]*)?$)/, "$1'");
  return noun === 'secret' || noun === 'login' ? cut.replace(/^(unknown option '-[^-])[^\n]+/, "$1…'") : cut;
}

/** A row of the table whose file was loaded. */
export interface CalledCommand {
  readonly row: CommandRow;
  readonly command: Command;
}

function describeProgram(
  surroundings: Surroundings,
  act: Act,
  wantsJson: boolean,
  called: CalledCommand | undefined,
): CommanderCommand {
  const program = configure(new CommanderCommand('bantam'), surroundings, wantsJson)
    .description(
      'Functions for a Raspberry Pi cluster: scaffold, cross-build, push, deploy, and prove that the new code answers.',
    )
    .version(packageVersion(surroundings.packageFolder), '--version', 'print the version')
    .addHelpText('after', '\nStart: bantam fn new hello --lang ts');
  for (const specification of globalOptions) program.addOption(globalOptionOf(specification));
  const commandOf = (row: CommandRow): Command | undefined => (called?.row === row ? called.command : undefined);
  for (const row of commands)
    if (row.everyday === true) add(program, row.path[1] ?? '', row, commandOf(row), act, true);
  const groups = new Map<string, CommanderCommand>();
  for (const [noun, about] of Object.entries(nouns))
    groups.set(noun, program.command(noun).description(about).usage('<command> [options]'));
  for (const row of commands) {
    const [noun, verb] = row.path;
    add(groups.get(noun) ?? program, verb ?? noun, row, commandOf(row), act, false);
  }
  return program;
}

/** Settings that commander hands on to every command below. */
function configure(command: CommanderCommand, { stdout, stderr }: Surroundings, quiet: boolean): CommanderCommand {
  return command
    .exitOverride()
    .configureHelp({ minWidthToWrap: 20 })
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .configureOutput({
      getOutHelpWidth: () => stdout.columns ?? 80,
      getErrHelpWidth: () => stderr.columns ?? 80,
      writeOut: (text) => stdout.write(text),
      // What is wrong is said by the reporter.
      outputError: () => undefined,
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
  const examples = command.examples.map((example) => `  $ ${example}`).join('\n');
  described.addHelpText('after', `\n${sharedOptions()}\n\nExamples:\n${examples}`);
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

/** The options of every command in three lines: `bantam --help` explains them, and their explanations would hide the command's own. */
function sharedOptions(): string {
  const words = globalOptions.filter(({ hidden }) => hidden !== true).map(({ flags }) => wordsOf(flags).join('/'));
  const lines = ['Options of every command (bantam --help explains them):', ' '];
  for (const word of words) {
    const line = `${lines.at(-1)} ${word}`;
    if (line.length > 78) lines.push(`  ${word}`);
    else lines[lines.length - 1] = line;
  }
  return lines.join('\n');
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
  if (specification.kind === 'repeated')
    return option.argParser((value: string, earlier: string[] | undefined) => [...(earlier ?? []), value]);
  if (specification.kind === 'number') {
    return option.argParser((value: string) => {
      if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It takes a whole number.');
      return Number(value);
    });
  }
  return option;
}

function globalOptionOf({ flags, description, hidden }: GlobalOptionSpecification): Option {
  const option = new Option(flags, description);
  return hidden === true ? option.hideHelp() : option;
}

/** The parser calls `--no-build` "build" and sets it to false; commands see it as the flag `noBuild`. */
function attributeOf(name: string): string {
  return /^no[A-Z]/.test(name) ? `${name[2]?.toLowerCase()}${name.slice(3)}` : name;
}

/** The options of one command, out of the parser's values, in the shape that its specification promises. */
export function readOptions(command: Command, values: Record<string, unknown>): Record<string, never> {
  const read = (name: string, { kind }: OptionSpecification): unknown => {
    const value = values[attributeOf(name)];
    if (kind === 'flag') return attributeOf(name) === name ? value === true : value === false;
    return value ?? (kind === 'list' || kind === 'repeated' ? [] : undefined);
  };
  return Object.fromEntries(
    Object.entries(command.options).map(([name, specification]) => [name, read(name, specification)]),
  ) as Record<string, never>;
}

/**
 * The words of a command line with `--changed` written as `--changed=`: what follows an option whose value may be left away
 * is the next argument, and the parser would take it for the value.
 */
export function endOptionalValues(argv: readonly string[], command: Command | undefined): readonly string[] {
  const optional = Object.values(command?.options ?? {})
    .filter(({ kind }) => kind === 'optional')
    .flatMap(({ flags }) => wordsOf(flags.replace(/\[.*$/, '')));
  const end = argv.indexOf('--');
  return argv.map((word, index) => (optional.includes(word) && (end < 0 || index < end) ? `${word}=` : word));
}
