import { realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/** Tells of paths whether, links followed, they lie in the function's folder or among the template's packages. */
export function openFolder(context: string, folder: string): (path: string) => boolean {
  const roots = [folder, 'node_modules'].map((name) => realOf(join(context, name)));
  return (path) => {
    const real = realOf(path);
    return roots.some((root) => real === root || real.startsWith(`${root}${sep}`));
  };
}

/** The path with all links followed, as far as it exists. */
export function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(realOf(above), path.slice(above.length));
  }
}
