import { constants, type FileHandle, link, lstat, mkdir, open, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { UserError } from '../../errors.ts';
import type { LayerChange } from '../../oci/layer.ts';
import { printable } from '../../oci/printable.ts';

/** As many links in a row as Linux follows (path_resolution(7)). */
const mostLinks = 40;

/**
 * Writes the changes of layers into a folder, as if it were the root of a machine: nothing gets out of it, whatever names and links say, and nothing
 * but files, folders and links gets in. Files get their modes without setuid and the like. Throws BAN-E613 for what must not be, and what the system says.
 */
export class TreeWriter {
  readonly #root: string;
  readonly #foldsCase: boolean;
  /** With a disk that takes `App` for `app`: which of the two it is. */
  readonly #spelled = new Map<string, string>();
  /** What the present layer wrote: an opaque folder hides only what lower layers have. */
  #written = new Set<string>();

  /** `root`: an empty folder of our own. `foldsCase`: whether its disk takes upper and lower case for the same. */
  constructor(root: string, foldsCase: boolean) {
    this.#root = root;
    this.#foldsCase = foldsCase;
  }

  /** To be called before each layer, the lowest first. */
  beginLayer(): void {
    this.#written = new Set();
  }

  /** Makes a folder and those above it where they are missing. */
  async makeFolder(path: string): Promise<void> {
    await this.#resolve(path, true);
  }

  /** Makes an empty file where none is. */
  async makeFile(path: string): Promise<void> {
    const folder = await this.#resolve(posix.dirname(path) === '.' ? '' : posix.dirname(path), true);
    const target = join(this.#root, folder, posix.basename(path));
    const there = await lstat(target).catch(() => undefined);
    if (there?.isFile() === true) return;
    if (there !== undefined) await rm(target, { recursive: true });
    await (await open(target, 'wx', 0o444)).close();
  }

  async apply({ entry, mode, content }: LayerChange): Promise<void> {
    const { path } = entry;
    if (entry.kind === 'opaque') return this.#hideBelow(await this.#resolve(path));
    if (path === '') return;
    const folder = await this.#resolve(posix.dirname(path) === '.' ? '' : posix.dirname(path), true);
    const place = posix.join(folder, posix.basename(path));
    const target = join(this.#root, place);
    if (entry.kind === 'whiteout') {
      this.#forget(place);
      return rm(target, { recursive: true, force: true });
    }
    const { node } = entry;
    if (node.kind === 'special')
      throw refuse(
        path,
        'is a device, a socket or a pipe, which only root may make',
        'no function needs one; look at what the Dockerfile copies',
      );
    this.#spell(place);
    this.#written.add(place);
    const there = await lstat(target).catch(() => undefined);
    if (node.kind === 'directory') {
      if (there?.isDirectory() === true) return;
      if (there !== undefined) await rm(target);
      return void (await mkdir(target));
    }
    if (there !== undefined) await rm(target, { recursive: true });
    if (node.kind === 'file') return writeNew(target, mode, content);
    if (node.kind === 'symlink') return symlink(linkInside(folder, node.target), target);
    await this.#linkHard(node.target, { target, folder }, path);
  }

  async #linkHard(to: string, at: { readonly target: string; readonly folder: string }, path: string): Promise<void> {
    const folder = await this.#resolve(posix.dirname(to) === '.' ? '' : posix.dirname(to));
    const source = join(this.#root, folder, posix.basename(to));
    const facts = await lstat(source).catch(() => undefined);
    if (facts === undefined || facts.isDirectory() || to === '')
      throw refuse(path, `is another name of ${to || '/'}, which is no file of the image`, 'push the image again');
    // Another name of a link is somewhere else, where its words may mean something else.
    if (facts.isSymbolicLink()) await symlink(linkInside(at.folder, await readlink(source)), at.target);
    else await link(source, at.target);
  }

  /** Where a folder really is, from the root; links on the way are followed as if the root were a machine's. `make`: what is missing is made. */
  async #resolve(path: string, make = false): Promise<string> {
    const left = path.split('/').filter((part) => part !== '');
    let at = '';
    for (let links = 0; left.length > 0; ) {
      const part = left.shift() ?? '';
      if (part === '.') continue;
      if (part === '..') {
        at = posix.dirname(at) === '.' ? '' : posix.dirname(at);
        continue;
      }
      const next = posix.join(at, part);
      const facts = await lstat(join(this.#root, next)).catch(() => undefined);
      if (facts?.isSymbolicLink() === true) {
        links += 1;
        if (links > mostLinks) throw refuse(path, 'leads through links in a circle', 'push the image again');
        const target = await readlink(join(this.#root, next));
        if (target.startsWith('/')) at = '';
        left.unshift(...target.split('/').filter((each) => each !== ''));
        continue;
      }
      if (make) this.#spell(next);
      if (make && facts?.isDirectory() !== true) {
        if (facts !== undefined) await rm(join(this.#root, next));
        await mkdir(join(this.#root, next));
      }
      at = next;
    }
    return at;
  }

  /** Removes what lower layers have in a folder and the present one has not written again. */
  async #hideBelow(folder: string): Promise<void> {
    const entries = await readdir(join(this.#root, folder), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const place = posix.join(folder, entry.name);
      const isKept = this.#written.has(place) || [...this.#written].some((each) => each.startsWith(`${place}/`));
      if (isKept && entry.isDirectory()) await this.#hideBelow(place);
      else if (!isKept) {
        this.#forget(place);
        await rm(join(this.#root, place), { recursive: true, force: true });
      }
    }
  }

  /** Two names that a disk takes for one would silently become one file. */
  #spell(place: string): void {
    if (!this.#foldsCase) return;
    const key = foldCase(place);
    const known = this.#spelled.get(key);
    if (known !== undefined && known !== place)
      throw refuse(
        place,
        `and ${printable(known)} differ in upper and lower case only, which this disk does not tell apart`,
        'run it in a container: bantam local up --provider docker',
      );
    this.#spelled.set(key, place);
  }

  #forget(place: string): void {
    if (!this.#foldsCase) return;
    const key = foldCase(place);
    for (const each of this.#spelled.keys()) if (each === key || each.startsWith(`${key}/`)) this.#spelled.delete(each);
  }
}

function foldCase(place: string): string {
  return place.normalize('NFC').toLowerCase();
}

/** The file must be new: nothing that a layer put there (a link) may be followed. */
async function writeNew(target: string, mode: number, content: AsyncIterable<Uint8Array>): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file: FileHandle = await open(target, flags, 0o600);
  try {
    for await (const chunk of content) await writeAll(file, chunk);
    await file.chmod((mode & 0o555) | 0o400);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
}

/**
 * A link's target so that it means the same when the root is a folder of another machine: absolute ones, and those that climb above the root,
 * become relative ones that stay in it. So do those that climb after a name: that name may be a link, and climbing from where it leads get out.
 * `folder`: where the link is, from the root, without links on the way. Pure.
 */
export function linkInside(folder: string, target: string): string {
  const absolute = target.startsWith('/');
  const parts: string[] = absolute ? [] : folder.split('/').filter((part) => part !== '');
  const words = target.split('/').filter((part) => part !== '' && part !== '.');
  let climbs = absolute;
  for (const [index, part] of words.entries()) {
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined || words.slice(0, index).some((word) => word !== '..')) climbs = true;
  }
  if (!climbs) return target;
  return posix.relative(`/${folder}`, `/${parts.join('/')}`) || '.';
}

function refuse(path: string, what: string, hint: string): UserError {
  return new UserError('BAN-E613', `the image cannot be unpacked: ${printable(path)} ${what}`, { hint });
}
