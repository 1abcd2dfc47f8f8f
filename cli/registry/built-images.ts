import { appendFile, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Report } from '../events.ts';
import { isDigest } from '../oci/digest.ts';
import { makeFolder } from '../tools/make-folder.ts';

/** The images that this user's own builds have made, by the digests of their indexes and manifests. What they hold may run as this user. */
export interface BuiltImages {
  /** Whether a build of this user's made the index or manifest of this digest. */
  has(digest: string): Promise<boolean>;
  /** Remembers what a build made. A list that cannot be written is a warning: the image is made nevertheless. */
  add(digests: readonly string[]): Promise<void>;
}

/** A list longer than this is cut to its newer half, bytes: some thousand builds. */
const longest = 1024 * 1024;

/**
 * Opens the list in a file of the user's own, made with 0600 in a folder of 0700: `${XDG_STATE_HOME:-~/.local/state}/bantam`.
 * A list that others could write to is not believed, and a warning says so once. Several builds may add at once: each digest
 * is a line, and lines are appended.
 */
export function openBuiltImages({ folder, report }: { readonly folder: string; readonly report: Report }): BuiltImages {
  const file = join(folder, 'built-images');
  let warned = false;
  const warn = (what: string, hint: string): void => {
    if (!warned) report({ type: 'warning', text: `${file} ${what}`, hint });
    warned = true;
  };
  /** Undefined where it is not believed: then nothing is written to it, either; who knows where that would go. */
  const read = async (): Promise<ReadonlySet<string> | undefined> => {
    const fault = await findFault(file);
    if (fault !== undefined) {
      warn(`is not believed: ${fault.why}`, fault.mend);
      return undefined;
    }
    return new Set(await readLines(file));
  };
  return {
    has: async (digest) => isDigest(digest) && (await read())?.has(digest) === true,
    async add(digests) {
      try {
        const known = await read();
        if (known === undefined) return;
        const news = [...new Set(digests)].filter((digest) => isDigest(digest) && !known.has(digest));
        if (news.length === 0) return;
        await makeFolder(folder, 0o700);
        // A line that a full disk cut off must not swallow the next one.
        await appendFile(file, (await endsInLine(file)) ? '' : '\n', { mode: 0o600 });
        await appendFile(file, news.map((digest) => `${digest}\n`).join(''), { mode: 0o600 });
        await shorten(file);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        warn(
          `cannot be written: ${reason}`,
          'the local gateway will not know the image for yours: bantam local up --trust',
        );
      }
    },
  };
}

/** Why the file cannot be relied on, and what helps: a link, another user's, or one that others may write to. Nothing if it is not there yet. */
async function findFault(file: string): Promise<{ readonly why: string; readonly mend: string } | undefined> {
  for (const path of [dirname(file), file]) {
    const facts = await lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (facts === undefined) return undefined;
    const name = path === file ? 'it' : 'its folder';
    const remove = `remove it and build again: rm ${file}`;
    if (path === file && !facts.isFile()) return { why: 'it is no plain file', mend: remove };
    if (process.getuid !== undefined && facts.uid !== process.getuid())
      return {
        why: `${name} belongs to another user`,
        mend: path === file ? remove : 'name a folder of your own: XDG_STATE_HOME=/path',
      };
    if (process.platform !== 'win32' && (facts.mode & 0o022) !== 0)
      return {
        why: `others may write to ${name}`,
        mend: path === file ? remove : `take that from them, and build again: chmod go-w ${path} && rm -f ${file}`,
      };
  }
  return undefined;
}

async function readLines(file: string): Promise<readonly string[]> {
  const opened = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (opened === undefined) return [];
  try {
    return (await opened.readFile('utf8')).split('\n').filter(isDigest);
  } finally {
    await opened.close();
  }
}

/** Whether the next line begins at the end of the file. */
async function endsInLine(file: string): Promise<boolean> {
  const opened = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (opened === undefined) return true;
  try {
    const { size } = await opened.stat();
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    return bytesRead === 0 || buffer[0] === 0x0a;
  } finally {
    await opened.close();
  }
}

/** Cuts a long list. Of a build at this very moment a line may be lost: it is there again after the next one. */
async function shorten(file: string): Promise<void> {
  if ((await lstat(file)).size <= longest) return;
  const lines = await readLines(file);
  const own = `${file}.${process.pid}`;
  try {
    await appendFile(own, `${lines.slice(-Math.ceil(lines.length / 2)).join('\n')}\n`, { mode: 0o600 });
    await rename(own, file);
  } finally {
    await rm(own, { force: true });
  }
}
