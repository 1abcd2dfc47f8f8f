import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import type { Config, Manifest } from './documents.ts';
import { architectureOf } from './elf.ts';
import { Failure } from './failure.ts';
import type { Repository } from './registry.ts';

/** The program that a container of the image starts. `architecture` is undefined where it cannot be told: `reason`. */
export interface Program {
  readonly path: string;
  readonly architecture?: string;
  readonly reason?: string;
}

type Entry =
  | { readonly kind: 'file'; readonly head: Uint8Array }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'gone' };

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const maximumEntries = 200_000;

/**
 * Looks into the layers, the last one first, until the program is found: it follows links and `#!` lines, and reads at
 * most `limit` bytes of layers, as they come over the wire.
 */
export async function findProgram(
  repository: Repository,
  manifest: Manifest,
  config: Config,
  limit: number,
): Promise<Program> {
  const name = [...(config.config?.Entrypoint ?? []), ...(config.config?.Cmd ?? [])][0];
  if (name === undefined) return { path: '', reason: 'the image has neither entrypoint nor command' };
  const entries = new Map<string, Entry>();
  let left = limit;
  for (const layer of manifest.layers.toReversed()) {
    if (!/gzip$|tar$/.test(layer.mediaType))
      return { path: name, reason: `layers of type ${layer.mediaType} are not read` };
    left -= layer.size;
    if (left < 0) return { path: name, reason: `not in the first ${limit} bytes of layers` };
    await indexLayer(repository.openLayer(layer.digest, layer.size), layer.mediaType.endsWith('gzip'), entries);
    const found = follow(name, config, entries);
    if (found !== undefined) return found;
  }
  return { path: name, reason: 'it is not in the image' };
}

async function indexLayer(
  bytes: AsyncIterable<Uint8Array>,
  zipped: boolean,
  entries: Map<string, Entry>,
): Promise<void> {
  const found = new Map<string, Entry>();
  const tar = extract();
  tar.on('entry', (header, stream, next) => {
    let head: Buffer = Buffer.alloc(0);
    stream.on('data', (chunk) => {
      if (chunk instanceof Uint8Array && head.length < 256)
        head = Buffer.concat([head, chunk.subarray(0, 256 - head.length)]);
    });
    stream.on('end', () => {
      if (found.size < maximumEntries) remember(header, head, found);
      next();
    });
  });
  try {
    const source = Readable.from(bytes);
    await (zipped ? pipeline(source, createGunzip(), tar) : pipeline(source, tar));
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure(502, 'bad-layer', 'a layer cannot be read', { cause });
  }
  // Upper layers came first and win.
  for (const [path, entry] of found) if (!entries.has(path)) entries.set(path, entry);
}

function remember(header: Header, head: Uint8Array, found: Map<string, Entry>): void {
  const path = posix.resolve('/', header.name);
  const { dir, base } = posix.parse(path);
  if (base.startsWith('.wh.')) found.set(posix.join(dir, base.slice(4)), { kind: 'gone' });
  else if (header.type === 'file') found.set(path, { kind: 'file', head });
  else if (header.type === 'symlink')
    found.set(path, { kind: 'link', target: posix.resolve(dir, header.linkname ?? '') });
  else if (header.type === 'link') found.set(path, { kind: 'link', target: posix.resolve('/', header.linkname ?? '') });
}

/** The program that `name` leads to; undefined while a part of the way may still come in a lower layer. */
function follow(name: string, config: Config, entries: ReadonlyMap<string, Entry>): Program | undefined {
  const folders = (config.config?.Env?.find((line) => line.startsWith('PATH='))?.slice(5) || defaultPath).split(':');
  const candidates = name.includes('/')
    ? [posix.resolve('/', config.config?.WorkingDir ?? '/', name)]
    : folders.map((folder) => posix.join(folder, name));
  for (const candidate of candidates) {
    const found = resolveEntry(candidate, entries);
    if (found === undefined) continue;
    const interpreter = /^#!\s*(\S+)/.exec(Buffer.from(found.head).toString('latin1'))?.[1];
    if (interpreter !== undefined && interpreter !== name) return follow(interpreter, config, entries);
    const architecture = architectureOf(found.head);
    return architecture === undefined
      ? { path: found.path, reason: 'it is no ELF program' }
      : { path: found.path, architecture };
  }
  return undefined;
}

function resolveEntry(
  start: string,
  entries: ReadonlyMap<string, Entry>,
): { path: string; head: Uint8Array } | undefined {
  let path = start;
  for (let step = 0; step < 16; step += 1) {
    const entry = entries.get(path);
    if (entry?.kind === 'file') return { path, head: entry.head };
    const next = entry?.kind === 'link' ? entry.target : throughLinkedFolder(path, entries);
    if (next === undefined) return undefined;
    path = next;
  }
  return undefined;
}

/** `/bin/sh` where `/bin` is a link to `usr/bin`. */
function throughLinkedFolder(path: string, entries: ReadonlyMap<string, Entry>): string | undefined {
  for (let folder = posix.dirname(path); folder !== '/'; folder = posix.dirname(folder)) {
    const entry = entries.get(folder);
    if (entry?.kind === 'link') return posix.join(entry.target, path.slice(folder.length));
  }
  return undefined;
}
