import type { OptionSpecification } from './command.ts';
import { type CommandRow, calledRow, commands, nouns } from './command-table.ts';
import { openContext, type Surroundings } from './context.ts';
import { globalOptions, readGlobals, takesValue, wordsOf } from './global-options.ts';
import { type NameSource, readNames } from './live-names.ts';

/** What may stand at the cursor: words with a sentence each, or a file of the shell's own choosing. */
export interface Completion {
  readonly kind: 'names' | 'files';
  readonly candidates: readonly Candidate[];
}

/** A word, and what it is. */
export interface Candidate {
  readonly word: string;
  readonly description: string;
}

/** Where the names of a command's arguments come from; commands that are not here take none that could be known. */
const argumentSources: Readonly<Record<string, NameSource>> = {
  'fn build': 'declared',
  'fn test': 'declared',
  'fn deploy': 'declared',
  'fn describe': 'known',
  'fn invoke': 'known',
  'fn logs': 'known',
  'fn scale': 'deployed',
  'fn remove': 'deployed',
  'image check': 'images',
  'image inspect': 'images',
  'secret update': 'secrets',
  'secret remove': 'secrets',
  completion: 'shells',
};

/** Where the values of options come from, by the option's long word. */
const valueSources: Readonly<Record<string, NameSource>> = {
  '--lang': 'templates',
  '--target': 'targets',
  '--platform': 'platforms',
};

/** Commands whose arguments are different things: only the first is a name of the table above. */
const oneName: ReadonlySet<string> = new Set(['fn describe', 'fn invoke', 'fn scale', 'completion', 'image inspect']);

/** Somebody waits at the prompt: a gateway that says nothing within a second has no names. */
const patienceMilliseconds = 1000;

/** The words that may stand in place of the last one. Asks the stack file and the gateway, for a second at most, and never fails: no answer is none. */
export async function complete(words: readonly string[], surroundings: Surroundings): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const typed = words.slice(0, -1).map(unquote);
  // `bantam help fn b`: what follows is a command, and takes nothing.
  const wantsHelp = typed[0] === 'help';
  const before = wantsHelp ? typed.slice(1) : typed;
  const row = calledRow(before);
  const command = await row?.load();
  const options = [...Object.values(command?.options ?? {}), ...globalOptions];
  const line = readLine(before, options);
  const signal = AbortSignal.any([surroundings.signal, AbortSignal.timeout(patienceMilliseconds)]);
  const names = (source: NameSource): Promise<readonly Candidate[]> =>
    readNames(
      source,
      openContext({ ...surroundings, signal }, readGlobals(line.values), () => undefined),
    );

  const [written, value] = splitOption(current);
  const option =
    line.awaiting ?? (value === undefined ? undefined : options.find(({ flags }) => wordsOf(flags).includes(written)));
  if (option !== undefined && takesValue(option)) {
    const prefix = line.awaiting === undefined ? `${written}=` : '';
    return await completeValue(option, prefix, line.awaiting === undefined ? (value ?? '') : current, names);
  }
  if (current.startsWith('-') && !line.ended) return fitting(current, describeOptions(options, line.given));
  if (row === undefined || command === undefined) return fitting(current, describeCommands(line.positionals));
  if (wantsHelp) return { kind: 'names', candidates: [] };
  const taken = line.positionals.slice(calledBy(row, line.positionals));
  const source = argumentSources[row.path.join(' ')];
  if (source === undefined) return { kind: 'files', candidates: [] };
  if (oneName.has(row.path.join(' ')) && taken.length > 0) return { kind: 'names', candidates: [] };
  const known = await names(source);
  return fitting(
    current,
    known.filter(({ word }) => !taken.includes(word)),
  );
}

/** What stands before the cursor: options with their values, other words, and the option whose value is still to come. */
interface Line {
  readonly values: Readonly<Record<string, string>>;
  readonly given: ReadonlySet<string>;
  readonly positionals: readonly string[];
  readonly awaiting: OptionSpecification | undefined;
  readonly ended: boolean;
}

function readLine(words: readonly string[], options: readonly OptionSpecification[]): Line {
  const values: Record<string, string> = {};
  const given = new Set<string>();
  const positionals: string[] = [];
  let awaiting: OptionSpecification | undefined;
  let ended = false;
  for (const word of words) {
    const [written, value] = splitOption(word);
    const option = ended ? undefined : options.find(({ flags }) => wordsOf(flags).includes(written));
    if (awaiting !== undefined) {
      values[nameOf(awaiting)] = word;
      awaiting = undefined;
    } else if (word === '--') ended = true;
    else if (option !== undefined) {
      given.add(option.flags);
      if (value !== undefined) values[nameOf(option)] = value;
      else if (takesValue(option)) awaiting = option;
    } else if (ended || !word.startsWith('-')) positionals.push(word);
  }
  return { values, given, positionals, awaiting, ended };
}

async function completeValue(
  option: OptionSpecification,
  prefix: string,
  written: string,
  names: (source: NameSource) => Promise<readonly Candidate[]>,
): Promise<Completion> {
  const choices = /<([\w-]+(?:\|[\w-]+)+)>/.exec(option.flags)?.[1]?.split('|');
  const source = valueSources[`--${nameOf(option)}`];
  if (choices === undefined && source === undefined)
    return { kind: /<(?:file|folder|path|dir)/.test(option.flags) ? 'files' : 'names', candidates: [] };
  const known =
    choices?.map((word) => ({ word, description: '' })) ?? (source === undefined ? [] : await names(source));
  // The last part of a list is what is being written; parts that stand there are not offered again.
  const parts = option.kind === 'list' ? written.split(',') : [written];
  const done = parts.slice(0, -1);
  const whole = `${prefix}${done.map((part) => `${part},`).join('')}`;
  return fitting(
    `${prefix}${written}`,
    known
      .filter(({ word }) => !done.includes(word))
      .map(({ word, description }) => ({ word: `${whole}${word}`, description })),
  );
}

function describeOptions(options: readonly OptionSpecification[], given: ReadonlySet<string>): readonly Candidate[] {
  return [...options, { flags: '-h, --help', kind: 'flag', description: 'show what this command takes' } as const]
    .filter((option) => !('hidden' in option) && (option.kind === 'list' || !given.has(option.flags)))
    .flatMap(({ flags, description }) =>
      wordsOf(flags)
        .filter((word) => word.startsWith('--'))
        .map((word) => ({ word, description })),
    );
}

function describeCommands(positionals: readonly string[]): readonly Candidate[] {
  const [noun] = positionals;
  if (positionals.length === 1 && noun !== undefined && noun in nouns)
    return commands
      .filter(({ path }) => path[0] === noun)
      .map(({ path, summary }) => ({ word: path[1] ?? '', description: summary }));
  if (positionals.length > 0) return [];
  const first = new Map<string, string>();
  for (const { path, summary } of commands) first.set(path[0], path.length === 1 ? summary : (nouns[path[0]] ?? ''));
  for (const { path, everyday, summary } of commands) if (everyday === true) first.set(path[1] ?? '', summary);
  return [...first].map(([word, description]) => ({ word, description }));
}

/** How many words the command's own name takes: `deploy` one, `fn deploy` two. */
function calledBy(row: CommandRow, positionals: readonly string[]): number {
  return row.path.length === 2 && positionals[0] === row.path[0] ? 2 : 1;
}

function fitting(current: string, candidates: readonly Candidate[]): Completion {
  return { kind: 'names', candidates: candidates.filter(({ word }) => word.startsWith(current)) };
}

/** `--platform=linux/` as the option's word and its value; without `=` there is no value. */
function splitOption(word: string): readonly [string, string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** bash hands words over as they were typed: `"a file.yml"`, `a\\ file.yml`. */
function unquote(word: string): string {
  const quoted = /^(["'])(.*)\1$/s.exec(word)?.[2];
  return quoted ?? word.replace(/\\(.)/gs, '$1');
}

/** `-f, --stack <file>` is `stack`, as {@link readGlobals} wants it. */
function nameOf({ flags }: OptionSpecification): string {
  return (wordsOf(flags).at(-1) ?? '').replace(/^-+/, '');
}

/** What a shell's script reads: the kind, then a line for each candidate. What could not stand on one line, or would reach into the terminal, is left out. */
export function formatCompletion({ kind, candidates }: Completion): string {
  const lines = candidates
    .filter(({ word }) => !/\p{C}/u.test(word))
    .map(({ word, description }) => `${word}\t${description.replace(/\p{C}+/gu, ' ')}`);
  return `${[kind, ...lines].join('\n')}\n`;
}
