import type { BundleDescription } from './description.ts';
import { fillSentence } from './function-source.ts';

/** What is read of a message of esbuild's (its `Message`; columns from 0). */
export interface BundleProblem {
  readonly text: string;
  readonly location: {
    readonly file: string;
    readonly line: number;
    readonly column: number;
    readonly length: number;
    readonly lineText: string;
  } | null;
  readonly notes: readonly { readonly text: string }[];
}

/** The lines for one problem: `file:line:column: error: …` with columns from 1, the source line, esbuild's notes. The template's build.mjs writes the same. */
export function formatProblem(
  problem: BundleProblem,
  severity: 'error' | 'warning',
  description: BundleDescription,
): string[] {
  const { location, notes } = problem;
  const where = location === null ? '' : `${location.file}:${location.line}:${location.column + 1}: `;
  const source =
    location === null || location.lineText.trim() === ''
      ? []
      : [`    ${location.lineText}`, `    ${' '.repeat(location.column)}${'~'.repeat(Math.max(1, location.length))}`];
  return [
    `${where}${severity}: ${describeProblem(problem, description)}`,
    ...source,
    ...worthy(notes).map((note) => `    note: ${note.text}`),
  ];
}

/** Notes without esbuild's advice to those who call it: nobody can follow it who only writes a function. */
function worthy(notes: BundleProblem['notes']): BundleProblem['notes'] {
  return notes.filter(({ text }) => !/^You can (?:mark the path|also surround)/.test(text));
}

/** What esbuild says, with the template's words for a native module in place of its own. */
function describeProblem({ text, location, notes }: BundleProblem, description: BundleDescription): string {
  const { nativeModules, messages } = description;
  const user = location === null ? undefined : packageOf(location.file);
  const native = (name: string, from: string | undefined): string =>
    fillSentence(messages.nativeModule, {
      package: name,
      user: from === undefined || from === name ? '' : fillSentence(messages.nativeModuleUser, { package: from }),
    });
  const binary = new RegExp(nativeModules.file).exec(text)?.[1];
  if (binary !== undefined) return native(packageOf(binary) ?? binary, user);
  const loader = new RegExp(nativeModules.loader).exec(text)?.[1];
  if (loader !== undefined) return native(user ?? loader, undefined);
  const own = location?.file.startsWith(`${description.handler.folder}/`) && user === undefined;
  // Where esbuild knows why, that is said.
  if (own && worthy(notes).length === 0 && messages.unresolved !== undefined && /^Could not resolve "[^./]/.test(text))
    return fillSentence(messages.unresolved, { text });
  return text;
}

/** The package that a file belongs to: `node_modules/@scope/name/…` is `@scope/name`. */
function packageOf(file: string): string | undefined {
  const parts = file.replaceAll('\\', '/').split('node_modules/');
  const inside = parts.length < 2 ? undefined : parts.at(-1);
  return inside?.split('/', inside.startsWith('@') ? 2 : 1).join('/');
}
