import { pipeline, Readable } from 'node:stream';
import * as tar from 'tar-stream';
import { UserError } from '../errors.ts';
import { decompress } from './decompress.ts';
import { type ElfHeader, elfHeaderBytes, parseElf } from './elf.ts';

/** How a regular file begins, as far as starting it is concerned. `line`: what follows `#!`, undefined if the line does not end within the 256 bytes Linux reads. */
export type FileStart =
  | { readonly kind: 'elf'; readonly elf: ElfHeader }
  | { readonly kind: 'script'; readonly line: string | undefined }
  | { readonly kind: 'empty' }
  | { readonly kind: 'other' };

/** What stands at a path of a layer. Plain data, so that it can be kept. */
export type LayerNode =
  | { readonly kind: 'file'; readonly executable: boolean; readonly start: FileStart }
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
  const extract = tar.extract();
  const source = Readable.from(boundBytes(decompress(markFailures(bytes)), where, limits.bytes), { objectMode: true });
  // A failure of the source destroys `extract` with it, so the loop below throws it.
  const poured = new Promise<void>((resolve) => pipeline(source, extract, () => resolve()));
  let count = 0;
  try {
    for await (const entry of extract) {
      count += 1;
      if (count > limits.entries) throw beyond(where, `more than ${limits.entries} entries`);
      const { header } = entry;
      const isFile = header.type === 'file' || header.type === 'contiguous-file';
      const change = toEntry(header, isFile ? await readHead(entry) : undefined);
      if (change !== undefined) yield change;
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

/** The first 256 bytes (BINPRM_BUF_SIZE), which are all that Linux looks at. */
async function readHead(entry: Source): Promise<Uint8Array> {
  const wanted = Math.min(headBytes, entry.header.size);
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < wanted) {
    const chunk = entry.read();
    if (chunk instanceof Uint8Array) {
      chunks.push(chunk);
      length += chunk.length;
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

const headBytes = 256;

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
    case 'contiguous-file': {
      const executable = (header.mode & 0o111) !== 0;
      return { kind: 'file', executable, start: executable ? classifyStart(head ?? new Uint8Array()) : plain };
    }
    case 'directory':
      return { kind: 'directory' };
    case 'symlink':
      return { kind: 'symlink', target: header.linkname };
    case 'link':
      return { kind: 'hardlink', target: cleanPath(header.linkname) };
    case 'character-device':
    case 'block-device':
    case 'fifo':
      return { kind: 'special' };
    default:
      return undefined;
  }
}

/** Shared, because most files of a layer are not executable and how they begin does not matter. */
const plain: FileStart = { kind: 'other' };

/** Tells program, script and neither apart by a file's first bytes. */
export function classifyStart(head: Uint8Array): FileStart {
  if (head.length === 0) return { kind: 'empty' };
  if (head[0] === 0x23 && head[1] === 0x21) {
    const text = new TextDecoder().decode(head.subarray(2));
    const end = text.indexOf('\n');
    return { kind: 'script', line: end >= 0 ? text.slice(0, end) : head.length < headBytes ? text : undefined };
  }
  const elf = parseElf(head.subarray(0, elfHeaderBytes));
  return elf === undefined ? plain : { kind: 'elf', elf };
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
