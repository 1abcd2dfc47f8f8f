import { pipeline, Readable } from 'node:stream';
import * as tar from 'tar-stream';
import { UserError } from '../errors.ts';
import { decompress } from './decompress.ts';
import { parseElf } from './elf.ts';
import { type ElfFile, readElfFile } from './elf-segments.ts';
import { lastCommand } from './shell-script.ts';

/** How a regular file begins, as far as starting it is concerned. */
export type FileStart =
  | { readonly kind: 'elf'; readonly elf: ElfFile }
  /**
   * `line`: what follows `#!`, undefined if the line does not end within the 256 bytes Linux reads.
   * `ends`: the last command of a shell script, if it is a simple one and the script is not larger than 64 KiB.
   */
  | { readonly kind: 'script'; readonly line: string | undefined; readonly ends?: readonly string[] }
  | { readonly kind: 'empty' }
  | { readonly kind: 'other' };

/** What stands at a path of a layer. Plain data, so that it can be kept. */
export type LayerNode =
  | {
      readonly kind: 'file';
      readonly executable: boolean;
      /** Only where an executable file is not executable by all. */
      readonly restricted?: { readonly user: number; readonly group: number; readonly mode: number };
      readonly start: FileStart;
    }
  | { readonly kind: 'directory' }
  | { readonly kind: 'symlink'; readonly target: string }
  /** Another name of a file of the same layer (`target`: its path from the root). */
  | { readonly kind: 'hardlink'; readonly target: string }
  /** A device, socket or pipe. */
  | { readonly kind: 'special' };

/** One change that a layer makes (image-spec, layer.md). `path` has no leading slash and no dots; '' is the root. */
export type LayerEntry =
  | { readonly kind: 'node'; readonly path: string; readonly node: LayerNode }
  /** `path` of the layers below is gone. */
  | { readonly kind: 'whiteout'; readonly path: string }
  /** All that the layers below have inside `path` is gone. */
  | { readonly kind: 'opaque'; readonly path: string };

/** Bounds against layers made to exhaust memory or time. */
export interface LayerLimits {
  /** Most bytes a layer may unpack to. */
  readonly bytes: number;
  /** Most entries of a layer. */
  readonly entries: number;
}

/** Larger than any image a Pi would pull. */
export const defaultLayerLimits: LayerLimits = { bytes: 16 * 1024 ** 3, entries: 500_000 };

/**
 * Reads a layer, compressed or not, entry by entry without keeping any of it. Ending early ends the source.
 * Throws BAN-E306 naming `where` on damaged data and beyond the limits; errors of the source pass through.
 */
export async function* readLayer(
  bytes: AsyncIterable<Uint8Array>,
  where: string,
  limits: LayerLimits = defaultLayerLimits,
): AsyncGenerator<LayerEntry, void, undefined> {
  for await (const entry of readArchive(bytes, where, limits)) {
    const { header } = entry;
    const isProgram = isFile(header) && (header.mode & 0o111) !== 0;
    const change = toEntry(header, isProgram ? await readHead(entry) : undefined);
    if (change !== undefined) yield change;
  }
}

/** One change of a layer with the bytes of a file, which have to be read before the next change. `mode`: its nine bits. */
export interface LayerChange {
  readonly entry: LayerEntry;
  readonly mode: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The same as {@link readLayer} for whoever wants what is in the files: nothing of them is looked at, `start` of each is `other`. */
export async function* readLayerContents(
  bytes: AsyncIterable<Uint8Array>,
  where: string,
  limits: LayerLimits = defaultLayerLimits,
): AsyncGenerator<LayerChange, void, undefined> {
  for await (const archived of readArchive(bytes, where, limits)) {
    const { header } = archived;
    const entry = toEntry(header, undefined);
    if (entry !== undefined) yield { entry, mode: header.mode & 0o777, content: contentOf(archived, where) };
  }
}

async function* contentOf(archived: Source, where: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of archived) if (chunk instanceof Uint8Array) yield chunk;
  } catch (error) {
    throw error instanceof SourceFailure ? error.cause : damaged(error, where);
  }
}

/** The entries of a layer's archive. What of an entry was not read is skipped. */
async function* readArchive(
  bytes: AsyncIterable<Uint8Array>,
  where: string,
  limits: LayerLimits,
): AsyncGenerator<Source, void, undefined> {
  const extract = tar.extract();
  const source = Readable.from(boundBytes(decompress(markFailures(bytes)), where, limits.bytes), { objectMode: true });
  // A failure of the source destroys `extract` with it, so the loop below throws it.
  const poured = new Promise<void>((resolve) => pipeline(source, extract, () => resolve()));
  let count = 0;
  try {
    for await (const entry of extract) {
      count += 1;
      if (count > limits.entries) throw beyond(where, `more than ${limits.entries} entries`);
      yield entry;
      entry.resume();
    }
    await poured;
  } catch (error) {
    throw error instanceof SourceFailure ? error.cause : damaged(error, where);
  } finally {
    extract.destroy();
    source.destroy();
  }
}

function isFile({ type }: tar.Header): boolean {
  return type === 'file' || type === 'contiguous-file';
}

type Source = tar.Extract extends AsyncIterable<infer Each> ? Each : never;

/** Marks an error as one of the source, to be passed on as it is. */
class SourceFailure extends Error {}

async function* boundBytes(
  bytes: AsyncIterable<Uint8Array>,
  where: string,
  limit: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let unpacked = 0;
  for await (const chunk of bytes) {
    unpacked += chunk.length;
    if (unpacked > limit) throw beyond(where, `more than ${limit} bytes`);
    yield chunk;
  }
}

async function* markFailures(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* bytes;
  } catch (cause) {
    throw new SourceFailure('the source failed', { cause });
  }
}

/** Enough for any usual program's headers and its loader's name; of a script all, since its last command is what it is there for. */
async function readHead(entry: Source): Promise<Uint8Array> {
  let wanted = Math.min(headBytes, entry.header.size);
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < wanted) {
    const chunk = entry.read();
    if (chunk instanceof Uint8Array) {
      chunks.push(chunk);
      length += chunk.length;
      // Chunks may be of any size, even of one byte.
      if (wanted === headBytes && isScript(Buffer.concat(chunks))) wanted = Math.min(scriptBytes, entry.header.size);
    } else if (!(await moreToRead(entry))) break;
  }
  return Buffer.concat(chunks).subarray(0, wanted);
}

function moreToRead(entry: Source): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (more: boolean) => () => {
      for (const [name, listener] of Object.entries(listeners)) entry.off(name, listener);
      resolve(more);
    };
    const listeners = { readable: settle(true), end: settle(false), close: settle(false) };
    for (const [name, listener] of Object.entries(listeners)) entry.on(name, listener);
  });
}

const headBytes = 4096;
const scriptBytes = 64 * 1024;

/** BINPRM_BUF_SIZE: all that Linux looks at for `#!`. */
const lineBytes = 256;

function toEntry(header: tar.Header, head: Uint8Array | undefined): LayerEntry | undefined {
  const path = cleanPath(header.name);
  const name = path.slice(path.lastIndexOf('/') + 1);
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  if (name === '.wh..wh..opq') return { kind: 'opaque', path: parent };
  // The remaining names of this kind are aufs' own bookkeeping.
  if (name.startsWith('.wh..wh.')) return undefined;
  if (name.startsWith('.wh.')) {
    const hidden = name.slice('.wh.'.length);
    if (hidden === '' || hidden === '.' || hidden === '..') return undefined;
    return { kind: 'whiteout', path: parent === '' ? hidden : `${parent}/${hidden}` };
  }
  const node = toNode(header, head);
  return node === undefined ? undefined : { kind: 'node', path, node };
}

function toNode(header: tar.Header, head: Uint8Array | undefined): LayerNode | undefined {
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      return toFile(header, head);
    case 'directory':
      return { kind: 'directory' };
    case 'symlink':
      return { kind: 'symlink', target: targetOf(header) };
    case 'link':
      return { kind: 'hardlink', target: cleanPath(targetOf(header)) };
    case 'character-device':
    case 'block-device':
    case 'fifo':
      return { kind: 'special' };
    default:
      return undefined;
  }
}

/** tar-stream gives null for an empty one, whatever its types say. */
function targetOf({ linkname }: { readonly linkname: string | null }): string {
  return linkname ?? '';
}

function toFile({ mode, size, uid, gid }: tar.Header, head: Uint8Array | undefined): LayerNode {
  if (head === undefined) return { kind: 'file', executable: false, start: plain };
  const restricted = (mode & 0o111) === 0o111 ? {} : { restricted: { user: uid, group: gid, mode: mode & 0o777 } };
  return { kind: 'file', executable: true, ...restricted, start: classifyStart(head, size) };
}

/** Shared, because most files of a layer are not executable and how they begin does not matter. */
const plain: FileStart = { kind: 'other' };

/** Tells program, script and neither apart. `head`: a file's first bytes; `size`: of the whole file. */
export function classifyStart(head: Uint8Array, size = head.length): FileStart {
  if (head.length === 0) return { kind: 'empty' };
  if (isScript(head)) {
    const line = readFirstLine(head);
    const ends = head.length < size || !isShellLine(line) ? undefined : lastCommand(new TextDecoder().decode(head));
    return { kind: 'script', line, ...(ends === undefined ? {} : { ends }) };
  }
  const header = parseElf(head);
  return header === undefined ? plain : { kind: 'elf', elf: readElfFile(header, head, size) };
}

function isScript(head: Uint8Array): boolean {
  return head[0] === 0x23 && head[1] === 0x21;
}

function readFirstLine(head: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(head.subarray(2, lineBytes));
  const end = text.indexOf('\n');
  return end >= 0 ? text.slice(0, end) : head.length < lineBytes ? text : undefined;
}

function isShellLine(line: string | undefined): boolean {
  return /^[ \t]*\S*\/(?:env[ \t]+)?(?:ba|da|a|z|k)?sh(?:[ \t]|$)/.test(line ?? '');
}

/** `./usr//bin/` → `usr/bin`. Dots are taken out as an engine does when it unpacks; nothing gets above the root. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function beyond(where: string, what: string): UserError {
  return new UserError('BAN-E306', `the ${where} was not read to its end: it holds ${what}`, {
    hint: 'no function needs such a layer; look at what the Dockerfile copies',
  });
}

function damaged(thrown: unknown, where: string): UserError {
  if (thrown instanceof UserError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new UserError('BAN-E306', `the ${where} is damaged: ${message}`, {
    hint: 'push the image again',
    cause: thrown,
  });
}
