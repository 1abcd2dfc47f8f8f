import { UserError } from '../errors.ts';
import { leftOut } from './tree.ts';

/** A file, folder, link or submodule of one commit. `object`: the id of its content. */
export type GitNode = GitFolder | GitFile | GitLink | { readonly kind: 'submodule' };

/** A folder of a commit. */
export interface GitFolder {
  readonly kind: 'folder';
  readonly children: Map<string, GitNode>;
}

/** A file of a commit; `size` in bytes. */
export interface GitFile {
  readonly kind: 'file';
  readonly object: string;
  readonly size: number;
  readonly executable: boolean;
}

/** A symbolic link of a commit; its target is the content of `object`. */
export interface GitLink {
  readonly kind: 'link';
  readonly object: string;
  readonly size: number;
}

/** A file of a template in a commit, links followed. `path` is relative to the template, with `/`. */
export interface FoundFile {
  readonly path: string;
  readonly object: string;
  readonly size: number;
  readonly executable: boolean;
}

/** What one template may hold: more is no template, and a few links can make a folder hold itself a million times. */
export const templateLimits = { files: 5000, entries: 20_000, bytes: 64 * 1024 * 1024, depth: 40 } as const;

/** The longest target of a link, in bytes. */
export const longestLink = 4096;

/** Reads `git ls-tree -r -z -l --full-tree`: `MODE TYPE OBJECT SIZE\tPATH`, each ended by a NUL. */
export function readListing(listing: Uint8Array): GitFolder {
  const root: GitFolder = { kind: 'folder', children: new Map() };
  for (const line of new TextDecoder().decode(listing).split('\0')) {
    const [, mode = '', object = '', size = '', path] =
      /^(\d{6}) \w+ ([0-9a-f]+) +(\d+|-)\t([\s\S]+)$/.exec(line) ?? [];
    if (path === undefined) continue;
    const names = path.split('/');
    const last = names.pop() ?? '';
    let folder = root;
    for (const name of names) {
      const found = folder.children.get(name);
      if (found?.kind === 'folder') folder = found;
      else {
        const made: GitFolder = { kind: 'folder', children: new Map() };
        folder.children.set(name, made);
        folder = made;
      }
    }
    folder.children.set(last, nodeOf(mode, object, Number(size)));
  }
  return root;
}

function nodeOf(mode: string, object: string, size: number): GitNode {
  switch (mode) {
    case '120000':
      return { kind: 'link', object, size };
    case '160000':
      return { kind: 'submodule' };
    default:
      return { kind: 'file', object, size, executable: mode === '100755' };
  }
}

/** Every link of a commit. */
export function linksOf(folder: GitFolder): GitLink[] {
  return [...folder.children.values()].flatMap((node) =>
    node.kind === 'folder' ? linksOf(node) : node.kind === 'link' ? [node] : [],
  );
}

/** A commit's files with the targets of its links (by object). Everything is decided in memory: no link is ever made on a disk. */
export interface GitTree {
  readonly root: GitFolder;
  readonly targets: ReadonlyMap<string, string>;
}

/** Why a path leads to nothing. */
export type LostPath = 'nowhere' | 'out' | 'circle' | 'submodule';

/**
 * Follows a path from the repository's root, through links, as a file system would: `..` is the folder above the one that a
 * link led to. A link that is absolute or leads above the root leads `out`.
 */
export function follow({ root, targets }: GitTree, path: readonly string[]): GitFolder | GitFile | LostPath {
  const trail: (GitFolder | GitFile)[] = [root];
  let hops = 0;
  const walk = (names: readonly string[]): LostPath | undefined => {
    for (const name of names) {
      const current = trail.at(-1);
      if (current?.kind !== 'folder') return 'nowhere';
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (trail.length === 1) return 'out';
        trail.pop();
        continue;
      }
      const node = current.children.get(name);
      if (node === undefined) return 'nowhere';
      if (node.kind === 'submodule') return 'submodule';
      if (node.kind !== 'link') {
        trail.push(node);
        continue;
      }
      hops += 1;
      if (hops > 40) return 'circle';
      const target = targets.get(node.object);
      if (target === undefined || target === '') return 'nowhere';
      if (target.startsWith('/')) return 'out';
      const lost = walk(target.split('/'));
      if (lost !== undefined) return lost;
    }
    return undefined;
  };
  return walk(path) ?? trail.at(-1) ?? root;
}

/** The templates of a commit: the folders in its folder `template` (either may be a link), by name. A word for why there is none. */
export function listTemplates(tree: GitTree): ReadonlyMap<string, readonly string[]> | LostPath | 'no folder' {
  const top = follow(tree, ['template']);
  if (typeof top === 'string') return top;
  if (top.kind !== 'folder') return 'no folder';
  const names = [...top.children.keys()].filter((name) => {
    const found = follow(tree, ['template', name]);
    return typeof found !== 'string' && found.kind === 'folder' && !name.startsWith('.');
  });
  return new Map(names.sort().map((name) => [name, ['template', name]]));
}

/** What was left out of a template, for a note: paths. */
export interface CollectedFiles {
  readonly files: readonly FoundFile[];
  readonly submodules: readonly string[];
}

/**
 * The files of one template, links followed as faas-cli does. Throws BAN-E112 for a link that leads out of the repository,
 * nowhere or in a circle, for names that not every file system keeps apart or takes (`README` beside `readme`, `..`, `.git`),
 * and for more than {@link templateLimits}.
 */
export function collectFiles(tree: GitTree, path: readonly string[], called: string): CollectedFiles {
  const files: FoundFile[] = [];
  const submodules: string[] = [];
  let bytes = 0;
  let entries = 0;
  const refuse = (where: string, reason: string): UserError =>
    new UserError(
      'BAN-E112',
      `the template ${called} cannot be used: ${JSON.stringify(where).slice(1, -1)} ${reason}`,
      {
        hint: 'tell its makers, or take an earlier commit: URL#sha-…',
      },
    );
  const walk = (folder: GitFolder, real: readonly string[], prefix: string, above: readonly GitFolder[]): void => {
    if (above.length > templateLimits.depth) throw refuse(prefix, 'lies too deep');
    const folded = new Map<string, string>();
    for (const name of [...folder.children.keys()].sort()) {
      if (leftOut.has(name)) continue;
      const here = `${prefix}${name}`;
      entries += 1;
      if (entries > templateLimits.entries) throw refuse(here, `is entry number ${entries}: that is no template`);
      const reason = badName(name);
      if (reason !== undefined) throw refuse(here, reason);
      const key = fold(name);
      const twin = folded.get(key);
      if (twin !== undefined)
        throw refuse(here, `and ${prefix}${twin} are one file where upper and lower case are the same`);
      folded.set(key, name);
      if (folder.children.get(name)?.kind === 'submodule') {
        submodules.push(here);
        continue;
      }
      const found = follow(tree, [...real, name]);
      if (typeof found === 'string') throw refuse(here, reasons[found]);
      if (found.kind === 'folder') {
        if (above.includes(found)) throw refuse(here, reasons.circle);
        walk(found, [...real, name], `${here}/`, [...above, found]);
        continue;
      }
      bytes += found.size;
      files.push({ path: here, object: found.object, size: found.size, executable: found.executable });
      if (files.length > templateLimits.files)
        throw refuse(here, `is file number ${files.length}: that is no template`);
      if (bytes > templateLimits.bytes)
        throw refuse(here, `makes it larger than ${templateLimits.bytes / 1024 / 1024} MiB`);
    }
  };
  const start = follow(tree, path);
  if (typeof start !== 'string' && start.kind === 'folder') walk(start, path, '', [start]);
  return { files, submodules };
}

const reasons: Readonly<Record<LostPath, string>> = {
  nowhere: 'is a link that leads nowhere',
  out: 'is a link that leads out of the repository',
  circle: 'is a link that leads in a circle',
  submodule: 'is a link into a submodule, and those are not fetched',
};

/** What makes a name unfit for a file of a project, on any file system; undefined if nothing does. */
function badName(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'is no name of a file';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those are refused.
  if (/[\u0000-\u001f\u007f\\]/.test(name) || name.includes('\ufffd'))
    return 'has a name with characters that not every system takes';
  if (Buffer.byteLength(name) > 255) return 'has a name that is too long';
  // HFS+ ignores some characters, NTFS calls .git also git~1: git itself refuses those names in a checkout.
  const plain = fold(name.replace(/[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g, '')).replace(/[ .]+$/, '');
  return plain === '.git' || plain === 'git~1' ? "would be a repository's own folder" : undefined;
}

function fold(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
