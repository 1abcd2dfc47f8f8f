import { createHash } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, realpath, stat, utimes } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { Interrupted, UserError } from '../errors.ts';
import { isDockerfile } from '../template/dockerfile.ts';
import { readPullRecord } from '../template/install.ts';
import type { Template } from '../template/template.ts';
import type { CopiedPath } from './copied-paths.ts';
import { isSecretFolder, type LeftOut, leftOutOfCopies, leftOutOfHandler } from './left-out.ts';

/** A build context on disk, ready for any builder. `digest` is a hash over names, modes and bytes: same input, same digest. */
export interface BuildContext {
  readonly folder: string;
  readonly digest: string;
  /** What of the handler folder was left out, relative to it; of a folder only its own path. */
  readonly leftOut: readonly string[];
}

/** What else a context is made of. `project`: the folder of the stack file; `copies`: what every handler gets of it. */
export interface ContextOptions {
  readonly project?: string;
  readonly copies?: readonly CopiedPath[];
  readonly signal?: AbortSignal;
}

/**
 * Lays out the one build context that all builders use: the template's files, with the handler folder over its
 * `handler_folder`. Modes become 0644 or 0755 and times are made from the content, so that umask, checkout and folder name
 * cannot reach the image. What stays out of it: left-out.ts, and the template's sample handler (for bantam's own templates all
 * of its sample). `copies` stand in the handler folder under their path from the stack file. With `lang: dockerfile` the
 * handler folder is the context. Links are followed if they stay in what is copied or in `project`. Throws BAN-E003,
 * BAN-E216, and {@link Interrupted} when `signal` aborts.
 */
export async function layOutContext(
  template: Template,
  handler: string,
  folder: string,
  { project, copies = [], signal }: ContextOptions = {},
): Promise<BuildContext> {
  const ownDockerfile = isDockerfile(template.name);
  const inContext = ownDockerfile ? folder : join(folder, template.handlerFolder);
  await mkdir(folder, { recursive: true });
  // Where contexts lie (TMPDIR) may be inside a handler folder: a copy never copies itself.
  const never = new Set([await realpath(folder), await realpath(dirname(folder))]);
  const shared = { never, project, signal };
  if (!ownDockerfile) {
    const isSample = await sampleOf(template, handler);
    await copyTree({
      ...shared,
      from: template.folder,
      to: folder,
      leftOut: Object.assign(isSample, { prunes: true }),
    });
  }
  const leftOut = await leftOutOfHandler(handler, ownDockerfile ? readByDocker : new Set());
  const missed = await copyTree({ ...shared, from: handler, to: inContext, leftOut });
  for (const { from, place, named } of copies) {
    if (ownDockerfile && readByDocker.has(place)) continue;
    await copyTree({
      ...shared,
      from,
      to: join(inContext, place),
      leftOut: leftOutOfCopies(),
      refuse: refuseClash(join(handler, place), named),
    });
  }
  const hash = createHash('sha256');
  await settle(folder, folder, hash, signal);
  return { folder, digest: `sha256:${hash.digest('hex')}`, leftOut: missed };
}

/** Docker reads these whatever a .dockerignore says. */
const readByDocker: ReadonlySet<string> = new Set(['Dockerfile', '.dockerignore']);

/** Of a template nothing is wanted that its author's machine has left behind. */
const leftOutOfTemplate = new Set(['node_modules', '.git', '.DS_Store']);

/**
 * What of a template is only a sample. Templates of bantam's need none of it. Others may rely on a package.json or a test of
 * theirs, so only the handler goes that the user's folder has under no such name: it would be compiled beside the real one.
 */
async function sampleOf(template: Template, handler: string): Promise<(path: string) => boolean> {
  const prefix = template.handlerFolder === '.' ? '' : `${template.handlerFolder}/`;
  const own = new Set((await entries(handler)).map(({ name }) => name));
  const unwanted = [...leftOutOfTemplate];
  const record = await readFile(join(template.folder, 'meta.json')).catch(() => undefined);
  const isPullRecord = record !== undefined && readPullRecord(record) !== undefined;
  return (path) => {
    const parts = path.split('/');
    if (unwanted.includes(parts.at(-1) ?? '')) return true;
    // faas-cli writes the time of its pull into each template: no two pulls would build the same image.
    if (path === 'meta.json' && isPullRecord) return true;
    if (prefix === '') return false;
    if (template.bantam) return path === prefix.slice(0, -1) || path.startsWith(prefix);
    const inside = path.startsWith(prefix) ? path.slice(prefix.length) : '';
    return /^handler\.[A-Za-z]+$/.test(inside) && !own.has(inside);
  };
}

interface Copy {
  readonly from: string;
  readonly to: string;
  readonly leftOut: LeftOut;
  /** Real paths of folders that are not entered. */
  readonly never: ReadonlySet<string>;
  readonly project: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Asked before a file is written; throws if it may not be there. The path is relative to `from`. */
  readonly refuse?: (path: string, source: string) => Promise<void>;
}

/** Copies a folder (or a single file) and returns what was left out, with `/` and relative to it. */
async function copyTree({ from, to, leftOut, never, project, signal, refuse }: Copy): Promise<readonly string[]> {
  const top = await realpath(from).catch((cause: Error) => {
    throw new UserError('BAN-E003', `${from} cannot be read: ${cause.message}`, {
      hint: 'check its permissions',
      cause,
    });
  });
  const roots = project === undefined ? [top] : [top, await realpath(project)];
  const missed: string[] = [];
  const copyOne = async (source: string, path: string, mode: number): Promise<void> => {
    await refuse?.(path, source);
    const target = join(to, path);
    if (!leftOut.prunes) await mkdir(dirname(target), { recursive: true }).catch(cannotCopy(source));
    await copyFile(source, target).catch(cannotCopy(source));
    await chmod(target, (mode & 0o100) === 0 ? 0o644 : 0o755);
  };
  const single = await stat(top);
  if (single.isFile()) {
    await mkdir(dirname(to), { recursive: true }).catch(cannotCopy(from));
    await copyOne(top, '', single.mode);
    return missed;
  }
  const walk = async (path: string, parents: readonly string[], maybe: boolean): Promise<void> => {
    // Of a folder that is left out, something may be taken along after all: it is made when that comes up.
    if (!maybe) await mkdir(join(to, path), { recursive: true }).catch(cannotCopy(join(from, path)));
    for (const entry of await entries(join(from, path))) {
      if (signal?.aborted === true) throw new Interrupted();
      const child = path === '' ? entry.name : join(path, entry.name);
      const isOut = leftOut(child.split(sep).join('/'));
      if (isSecretFolder(entry.name) || (isOut && (leftOut.prunes || !entry.isDirectory()))) {
        missed.push(child.split(sep).join('/'));
        continue;
      }
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
        if (!never.has(real)) await walk(child, [...parents, real], isOut);
      } else if (facts.isFile()) await copyOne(source, child, facts.mode);
    }
  };
  await walk('', [top], false);
  return missed;
}

/** What is copied into a handler folder must not take the place of a file there. A link to the very same file is none. */
function refuseClash(handler: string, named: string): (path: string, source: string) => Promise<void> {
  return async (path, source) => {
    const there = join(handler, path);
    const facts = await stat(there).catch(() => undefined);
    if (facts === undefined || (await realpath(there)) === (await realpath(source))) return;
    if (facts.isFile() && (await readFile(there)).equals(await readFile(source))) return;
    throw new UserError('BAN-E216', `${named}: ${source} would take the place of ${there}`, {
      hint: 'rename one of the two: functions get the copy under its path from the stack file',
    });
  };
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
  if (below.some(isSecretFolder))
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
