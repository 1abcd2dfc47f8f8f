import { createHash } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, realpath, stat, utimes } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { Interrupted, UserError } from '../errors.ts';
import type { Template } from '../template/template.ts';

/** A build context on disk, ready for any builder. `digest` is a hash over names, modes and bytes: same input, same digest. */
export interface BuildContext {
  readonly folder: string;
  readonly digest: string;
}

/**
 * Lays out the one build context that all builders use: the template's files, with the handler folder over its
 * `handler_folder`. Modes become 0644 or 0755 and times are made from the content, so that umask, checkout and folder name
 * cannot reach the image. Left out: `node_modules`, `.git`, `.bantam` and `.secrets` anywhere, `build` and `template` at the
 * top of a handler (as faas-cli does), and the template's sample handler when the template is one of bantam's. Links are
 * followed if they stay in what is copied or in `project`, the folder of the stack file. Throws BAN-E003, and
 * {@link Interrupted} when `signal` aborts.
 */
export async function layOutContext(
  template: Template,
  handler: string,
  folder: string,
  { project, signal }: { readonly project?: string; readonly signal?: AbortSignal } = {},
): Promise<BuildContext> {
  const inContext = join(folder, template.handlerFolder);
  await mkdir(folder, { recursive: true });
  // Where contexts lie (TMPDIR) may be inside a handler folder: a copy never copies itself.
  const never = new Set([await realpath(folder), await realpath(dirname(folder))]);
  await copyTree({
    from: template.folder,
    to: folder,
    leftOut: (path) =>
      template.bantam && (path === template.handlerFolder || path.startsWith(`${template.handlerFolder}${sep}`)),
    never,
    project,
    signal,
  });
  const leftOut = (path: string): boolean => path === 'build' || path === 'template';
  await copyTree({ from: handler, to: inContext, leftOut, never, project, signal });
  const hash = createHash('sha256');
  await settle(folder, folder, hash, signal);
  return { folder, digest: `sha256:${hash.digest('hex')}` };
}

const leftOutEverywhere = new Set(['node_modules', '.git', '.DS_Store']);

/** Where bantam keeps the password of a local gateway, and where users keep what functions read as secrets. */
const secretFolders = new Set(['.bantam', '.secrets']);

interface Copy {
  readonly from: string;
  readonly to: string;
  readonly leftOut: (path: string) => boolean;
  /** Real paths of folders that are not entered. */
  readonly never: ReadonlySet<string>;
  readonly project: string | undefined;
  readonly signal: AbortSignal | undefined;
}

async function copyTree({ from, to, leftOut, never, project, signal }: Copy): Promise<void> {
  const top = await realpath(from).catch((cause: Error) => {
    throw new UserError('BAN-E003', `${from} cannot be read: ${cause.message}`, {
      hint: 'check its permissions',
      cause,
    });
  });
  const roots = project === undefined ? [top] : [top, await realpath(project)];
  const walk = async (path: string, parents: readonly string[]): Promise<void> => {
    await mkdir(join(to, path), { recursive: true }).catch(cannotCopy(join(from, path)));
    for (const entry of await entries(join(from, path))) {
      if (signal?.aborted === true) throw new Interrupted();
      const child = path === '' ? entry.name : join(path, entry.name);
      if (leftOutEverywhere.has(entry.name) || secretFolders.has(entry.name) || leftOut(child)) continue;
      const source = join(from, child);
      const facts = await stat(source).catch((cause: unknown) => {
        throw new UserError('BAN-E003', `${source} cannot be read`, {
          hint: entry.isSymbolicLink()
            ? 'it is a link to nowhere: remove it or make its target'
            : 'check its permissions',
          cause,
        });
      });
      if (entry.isSymbolicLink()) await refuseForeignLink(source, roots);
      if (facts.isDirectory()) {
        const real = await realpath(source);
        if (parents.includes(real))
          throw new UserError('BAN-E003', `${source} is a link to a folder that holds it`, { hint: 'remove the link' });
        if (!never.has(real)) await walk(child, [...parents, real]);
      } else if (facts.isFile()) {
        await copyFile(source, join(to, child)).catch(cannotCopy(source));
        await chmod(join(to, child), (facts.mode & 0o100) === 0 ? 0o644 : 0o755);
      }
    }
  };
  await walk('', [top]);
}

/** A link may show what the user's own files are elsewhere, but an image is for others: it takes nothing along from outside of `roots`. */
async function refuseForeignLink(link: string, roots: readonly string[]): Promise<void> {
  const target = await realpath(link);
  const below = roots
    .map((root) => relative(root, target).split(sep))
    .find(([first = '']) => first !== '..' && !isAbsolute(first));
  if (below === undefined)
    throw new UserError('BAN-E003', `the link ${link} leads out of the project, to ${target}`, {
      hint: 'everything behind it would be in the image: copy what is needed to its place, or remove the link',
    });
  if (below.some((name) => secretFolders.has(name)))
    throw new UserError('BAN-E003', `the link ${link} leads to what is secret: ${target}`, {
      hint: 'it would be in the image for everybody: remove the link',
    });
}

/** What a user can cause: no permission, a full disk, a file where the template has a folder or the other way round. */
function cannotCopy(source: string): (cause: NodeJS.ErrnoException) => never {
  return (cause) => {
    const clash = cause.code === 'EEXIST' || cause.code === 'EISDIR' || cause.code === 'ENOTDIR';
    throw new UserError('BAN-E003', `${source} cannot be copied into the build context: ${cause.message}`, {
      hint: clash
        ? 'the template has a folder where the handler has a file of the same name, or the other way round: rename it'
        : 'check its permissions, and the room in the temporary folder (TMPDIR)',
      cause,
    });
  };
}

/**
 * Sets modes and times, and feeds the hash in a fixed order. A file's time is made from its content: buildx sends a file
 * again only if size, mode or time differ from what it sent before, so one time for all would hide an edit that keeps the
 * size, and the time of the copy would send everything every time.
 */
async function settle(
  root: string,
  folder: string,
  hash: ReturnType<typeof createHash>,
  signal: AbortSignal | undefined,
): Promise<void> {
  hash.update(`${relative(root, folder)}/\0`);
  for (const entry of await entries(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await settle(root, path, hash, signal);
      continue;
    }
    if (signal?.aborted === true) throw new Interrupted();
    const { mode, size } = await stat(path);
    hash.update(`${relative(root, path)}\0${(mode & 0o777).toString(8)}\0${size}\0`);
    const content = createHash('sha256');
    const bytes: AsyncIterable<Uint8Array> = createReadStream(path);
    for await (const chunk of bytes) content.update(chunk);
    const digest = content.digest();
    hash.update(digest);
    const seconds = earliest + (digest.readUInt32BE() % span);
    await utimes(path, seconds, seconds);
  }
  await chmod(folder, 0o755);
  await utimes(folder, earliest, earliest);
}

/** Times of files lie between 2001 and 2017: seconds since 1970. */
const earliest = 1_000_000_000;
const span = 500_000_000;

async function entries(folder: string): Promise<Dirent[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError('BAN-E003', `${folder} cannot be read: ${cause.message}`, {
      hint: 'check its permissions',
      cause,
    });
  });
  return found.sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
}
