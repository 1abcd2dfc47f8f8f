/**
 * What a project's .gitignore should hold, for its functions too: templates bring no .gitignore, since npm leaves such files out of packages.
 * `/build/` (faas-cli's folder) is anchored: a bare `build` would also hide the folder of that name inside a template.
 */
export const ignoredByProjects = ['node_modules/', '.bantam/', '.secrets', '/build/'] as const;

/** The text of a .gitignore with the missing ones of {@link ignoredByProjects} added at its end; the same text if none is missing. Line ends are the file's. */
export function extendGitignore(text: string | undefined): string {
  const present = new Set((text ?? '').split(/\r?\n/).map(bare));
  const missing = ignoredByProjects.filter((line) => !present.has(bare(line)));
  if (missing.length === 0) return text ?? '';
  const eol = /\r?\n/.exec(text ?? '')?.[0] ?? '\n';
  const before = text === undefined || text === '' || text.endsWith('\n') ? (text ?? '') : text + eol;
  return before + missing.map((line) => line + eol).join('');
}

/** A sentence for each line of a .gitignore that {@link harmfulLines} finds. */
export function harmNotes(text: string | undefined): string[] {
  return harmfulLines(text).map(
    (found) =>
      `.gitignore:${found.line} "${found.text}" keeps ${found.hides} out of git, and builds need it: remove that line`,
  );
}

/** Lines that keep parts of a project out of git that its builds need: `template` as faas-cli writes it, and an unanchored `build`. 1-based. */
export function harmfulLines(
  text: string | undefined,
): { readonly line: number; readonly text: string; readonly hides: string }[] {
  return (text ?? '').split(/\r?\n/).flatMap((raw, index) => {
    const pattern = raw.trim();
    if (bare(pattern) === 'template')
      return [{ line: index + 1, text: pattern, hides: "the project's own copy of its templates" }];
    if (/^build\/?$/.test(pattern))
      return [{ line: index + 1, text: pattern, hides: 'folders called build inside template/' }];
    return [];
  });
}

function bare(pattern: string): string {
  return pattern.trim().replace(/^\//, '').replace(/\/$/, '');
}
