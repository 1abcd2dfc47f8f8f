import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, realpath, stat, utimes } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { UserError } from '../errors.ts';
import type { Template } from '../template/template.ts';

/** A build context on disk, ready for any builder. `digest` is a hash over names, modes and bytes: same input, same digest. */
export interface BuildContext {
  readonly folder: string;
  readonly digest: string;
}

/**
 * Lays out the one build context that all builders use: the template's files, with the handler folder over its
 * `handler_folder`. Modes become 0644 or 0755 and times are made from the content, so that umask, checkout and folder name
 * cannot reach the image. Left out: `node_modules` and `.git` anywhere, `build` and `template` at the top of a handler (as faas-cli does),
 * and the template's sample handler when the template is one of bantam's. Links are followed. Throws BAN-E003.
 */
export async function layOutContext(template: Template, handler: string, folder: string): Promise<BuildContext> {
  const inContext = join(folder, template.handlerFolder);
  await copyTree(
    template.folder,
    folder,
    (path) =>
      template.bantam && (path === template.handlerFolder || path.startsWith(`${template.handlerFolder}${sep}`)),
  );
  await copyTree(handler, inContext, (path) => path === 'build' || path === 'template');
  const hash = createHash('sha256');
  await settle(folder, folder, hash);
  return { folder, digest: `sha256:${hash.digest('hex')}` };
}

const leftOutEverywhere = new Set(['node_modules', '.git', '.DS_Store']);

async function copyTree(from: string, to: string, leftOut: (path: string) => boolean): Promise<void> {
  const walk = async (path: string, parents: readonly string[]): Promise<void> => {
    await mkdir(join(to, path), { recursive: true });
    for (const entry of await entries(join(from, path))) {
      const child = path === '' ? entry.name : join(path, entry.name);
      if (leftOutEverywhere.has(entry.name) || leftOut(child)) continue;
      const source = join(from, child);
      const facts = await stat(source).catch((cause: unknown) => {
        throw new UserError('BAN-E003', `${source} cannot be read`, {
          hint: entry.isSymbolicLink()
            ? 'it is a link to nowhere: remove it or make its target'
            : 'check its permissions',
          cause,
        });
      });
      if (facts.isDirectory()) {
        const real = await realpath(source);
        if (parents.includes(real))
          throw new UserError('BAN-E003', `${source} is a link to a folder that holds it`, { hint: 'remove the link' });
        await walk(child, [...parents, real]);
      } else if (facts.isFile()) {
        await copyFile(source, join(to, child));
        await chmod(join(to, child), (facts.mode & 0o100) === 0 ? 0o644 : 0o755);
      }
    }
  };
  await walk('', [await realpath(from)]);
}

/**
 * Sets modes and times, and feeds the hash in a fixed order. A file's time is made from its content: buildx sends a file
 * again only if size, mode or time differ from what it sent before, so one time for all would hide an edit that keeps the
 * size, and the time of the copy would send everything every time.
 */
async function settle(root: string, folder: string, hash: ReturnType<typeof createHash>): Promise<void> {
  for (const entry of await entries(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await settle(root, path, hash);
      continue;
    }
    const bytes = await readFile(path);
    const mode = (await stat(path)).mode & 0o777;
    hash.update(`${relative(root, path)}\0${mode.toString(8)}\0${bytes.length}\0`).update(bytes);
    const seconds = earliest + (createHash('sha256').update(bytes).digest().readUInt32BE() % span);
    await utimes(path, seconds, seconds);
  }
  await chmod(folder, 0o755);
  await utimes(folder, earliest, earliest);
}

/** Times of files lie between 2001 and 2017: seconds since 1970. */
const earliest = 1_000_000_000;
const span = 500_000_000;

async function entries(folder: string): Promise<Dirent[]> {
  const found = await readdir(folder, { withFileTypes: true });
  return found.sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
}
