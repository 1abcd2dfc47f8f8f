import type { Context, GlobalOptions } from './context.ts';
import type { ExitCode } from './errors.ts';
import type { Block } from './ui/reporter.ts';

export type { Block };

/** How an option is written and what its value is: `flag` a boolean, `text` a string, `list` comma-separated and repeatable, `repeated` repeatable with each value taken whole, `number` a whole number ≥ 0, `optional` a string that is empty when only the option was given (its value needs a `=`). */
export interface OptionSpecification {
  readonly flags: string;
  readonly description: string;
  readonly kind: 'flag' | 'text' | 'list' | 'repeated' | 'number' | 'optional';
}

/** What a command sees of an option. A list that was not given is empty. */
export type OptionValue<Specification extends OptionSpecification> = Specification['kind'] extends 'flag'
  ? boolean
  : Specification['kind'] extends 'list' | 'repeated'
    ? readonly string[]
    : Specification['kind'] extends 'number'
      ? number | undefined
      : string | undefined;

/** What a command was called with. `names` are its positional arguments. */
export interface Input<Options extends Record<string, OptionSpecification>> {
  readonly names: readonly string[];
  readonly options: { readonly [Name in keyof Options]: OptionValue<Options[Name]> };
  readonly globals: GlobalOptions;
}

/** What a command found out: `document` for `--json`, `blocks` for people, `exit` for scripts. */
export interface Answer {
  readonly exit?: ExitCode;
  /** What goes on after the answer was given (`local up` runs until Ctrl-C). May throw Interrupted; the answer stays the only document. */
  readonly afterwards?: () => Promise<void>;
  readonly document: Readonly<Record<string, unknown>>;
  readonly blocks: readonly Block[];
}

/** One command: what it takes and what it does; its name and summary stand in program.ts, its file is called like it. It prints nothing and parses nothing by hand. */
export interface Command<Options extends Record<string, OptionSpecification> = Record<string, OptionSpecification>> {
  /** As commander writes them: `<name>`, `[name...]`. */
  readonly arguments?: readonly { readonly name: string; readonly description: string }[];
  readonly options: Options;
  readonly examples: readonly string[];
  run(input: Input<Options>, context: Context): Promise<Answer>;
}

/** Names a command's types; returns it as it is. */
export function defineCommand<const Options extends Record<string, OptionSpecification>>(
  command: Command<Options>,
): Command {
  // The parser hands over exactly the options that the definition names, so the wider type is safe.
  return command as unknown as Command;
}
