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
    ...notes.map((note) => `    note: ${note.text}`),
  ];
}

/** What esbuild says, with the template's words for a native module in place of its own. */
function describeProblem({ text, location }: BundleProblem, description: BundleDescription): string {
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
  return text;
}

/** The package that a file belongs to: `node_modules/@scope/name/…` is `@scope/name`. */
function packageOf(file: string): string | undefined {
  const parts = file.replaceAll('\\', '/').split('node_modules/');
  const inside = parts.length < 2 ? undefined : parts.at(-1);
  return inside?.split('/', inside.startsWith('@') ? 2 : 1).join('/');
}
