import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A line of one of the user's files. */
export interface StackPlace {
  readonly file: string;
  readonly line: number;
  readonly column?: number;
}

/** The places in `folder` that a stack of JavaScript names, nearest first; packages are left out. */
export function placesOfStack(stack: string, folder: string): readonly StackPlace[] {
  const found: StackPlace[] = [];
  for (const [, path = '', line, column] of stack.matchAll(
    /(?:\(|\bat |\s)((?:file:\/\/)?\/[^()\n]*?):(\d+):(\d+)\)?/g,
  )) {
    const file = path.startsWith('file://') ? toPath(path) : path;
    const inside = relative(folder, file);
    if (inside.startsWith('..') || inside.split(sep).includes('node_modules')) continue;
    found.push({ file, line: Number(line), column: Number(column) });
  }
  return found;
}

function toPath(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}
