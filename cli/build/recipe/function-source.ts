import { UserError } from '../../errors.ts';
import type { RunProgram } from '../builder.ts';
import { placesIn } from '../places.ts';

/** A function in its build context, and what is needed to build it without a container engine. */
export interface FunctionSource {
  /** The function's name, for messages. */
  readonly name: string;
  /** Absolute path of a context that `layOutContext` made. It is this build's own: packages are installed into it. */
  readonly context: string;
  /** The user's folder that the context's handler folder was copied from: compilers' messages are turned back to it. */
  readonly handler: string;
  /** Folder that becomes the tree of files which the image adds to its base. It must be empty or not exist. */
  readonly into: string;
  readonly run: RunProgram;
  readonly signal: AbortSignal;
}

/** Fills the `{names}` of a sentence of build.json; unknown names stay. */
export function fillSentence(sentence: string, values: Readonly<Record<string, string>>): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** The error for a handler that does not compile: BAN-E207 with the compiler's lines, its paths turned to the user's folder. */
export function handlerError(source: FunctionSource, folder: string, lines: readonly string[]): UserError {
  const details = toUserPaths(lines, folder, source.handler);
  return new UserError('BAN-E207', `${source.name}: the handler does not compile`, {
    details,
    places: placesIn(details),
    hint: 'correct the lines named above',
  });
}

/** Turns `function/handler.ts:3:7: …` into the path the user knows. Lines indented by four or more are source text and stay. */
export function toUserPaths(lines: readonly string[], folder: string, handler: string): string[] {
  const escaped = folder.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const path = new RegExp(`(^|\\s)(?:\\./)?${escaped}/(?=[^\\s:"']*:)`, 'g');
  return lines.map((line) =>
    /^ {4}(?!note: )/.test(line) ? line : line.replace(path, (_whole, before: string) => `${before}${handler}/`),
  );
}

/** The lines of a program's output that hold something. */
export function linesOf(output: string): string[] {
  return output
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}
