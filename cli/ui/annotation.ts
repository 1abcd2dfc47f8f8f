import { isAbsolute, relative, sep } from 'node:path';
import type { Failure, Place } from '../errors.ts';

/** A workflow command of GitHub Actions that shows a problem beside the code it is about. */
export interface Annotation {
  readonly level: 'error' | 'warning';
  readonly title: string;
  readonly message: string;
  readonly place?: Place | undefined;
}

/**
 * The line that GitHub's runner reads: `::error file=stack.yml,line=3,col=5,title=BAN-E102::…`. `workspace` is what files are named relative to.
 * Source: docs.github.com, "Workflow commands": in values `%`, CR and LF are escaped, in properties `:` and `,` too.
 */
export function formatAnnotation({ level, title, message, place }: Annotation, workspace: string | undefined): string {
  const properties: [string, string | number | undefined][] = [
    ['file', place && nameFile(place.file, workspace)],
    ['line', place?.line],
    ['col', place?.column],
    ['title', title],
  ];
  const written = properties.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escapeProperty(String(value))}`],
  );
  return `::${level} ${written.join(',')}::${escapeValue(message)}`;
}

/** One annotation for each place of a failure, or one for the whole of it. `about`: the function it belongs to. */
export function annotateFailure(failure: Failure, about?: string): readonly Annotation[] {
  const title = about === undefined ? failure.code : `${failure.code} ${about}`;
  const places = failure.places ?? [];
  if (places.length > 0)
    return places.map((place) => ({ level: 'error', title, message: place.message || failure.message, place }));
  const hint = failure.hint === undefined ? '' : `\nnext: ${failure.hint}`;
  return [{ level: 'error', title, message: `${failure.message}${hint}` }];
}

/**
 * The failures of single functions in the document of an answer, each once, with the names of what failed in that way: GitHub
 * shows ten annotations of a step, and one engine that does not answer must not take them all.
 */
export function failuresIn(
  document: unknown,
): readonly { readonly about: string | undefined; readonly failure: Failure }[] {
  const alike = new Map<string, { readonly names: string[]; readonly failure: Failure }>();
  for (const { about, failure } of eachFailureIn(document)) {
    const key = JSON.stringify([failure.code, failure.message, failure.hint, failure.places]);
    const group = alike.get(key) ?? { names: [], failure };
    alike.set(key, group);
    if (about !== undefined) group.names.push(about);
  }
  return [...alike.values()].map(({ names, failure }) => ({ about: listNames(names), failure }));
}

/** `a`, `a, b, c`, `a, b, c and 47 more`: a title is one line. */
function listNames(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

function eachFailureIn(
  document: unknown,
): readonly { readonly about: string | undefined; readonly failure: Failure }[] {
  if (Array.isArray(document)) return document.flatMap(eachFailureIn);
  if (typeof document !== 'object' || document === null) return [];
  const { failure, name } = document as { readonly failure?: Failure; readonly name?: unknown };
  const inside = Object.values(document).flatMap((value) => (value === failure ? [] : eachFailureIn(value)));
  return failure === undefined ? inside : [{ about: typeof name === 'string' ? name : undefined, failure }, ...inside];
}

/** Text of others (a compiler's output, a function's log) that the runner would take for a workflow command shows, but is none. */
export function disarm(text: string): string {
  return text.replace(/^(\s*):(?=:)/gm, '$1:\u200b').replaceAll('##[', '#\u200b#[');
}

function escapeValue(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeValue(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** GitHub wants paths from the repository's root, with `/`. */
function nameFile(file: string, workspace: string | undefined): string {
  const inside = workspace === undefined ? file : relative(workspace, file);
  return inside === '' || inside.startsWith('..') || isAbsolute(inside) ? file : inside.split(sep).join('/');
}
