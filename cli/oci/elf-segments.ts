import { readArmVersion } from './arm-attributes.ts';
import type { ElfHeader } from './elf.ts';
import { type ProgramHeader, readProgramHeaders } from './program-headers.ts';
import { readX86Level } from './x86-level.ts';

/** What the program headers say about how a kernel starts the file (System V ABI, "Program Header"; Linux, fs/binfmt_elf.c). */
export type ElfStart =
  /** The program headers do not lie within the bytes that were read. */
  | { readonly kind: 'unread' }
  /** No kernel starts it. `why`: a clause after the path, "is cut short". */
  | { readonly kind: 'refused'; readonly why: string }
  | {
      readonly kind: 'read';
      /** Whether a dynamic loader starts it (PT_INTERP). */
      readonly dynamic: boolean;
      /** The loader's path; undefined without one, and if its name lies beyond the bytes that were read. */
      readonly loader?: string;
      /** Largest memory page (4096, 16384, 65536) for which its segments are known to fit. */
      readonly fitsPage: number;
      /** Smallest memory page for which they are known not to: mmap refuses, and the process is killed. */
      readonly failsPage?: number;
      /** The file ends before its segments do: what lies behind is missing. */
      readonly cut?: true;
    };

/** An ELF file as far as its first bytes tell. Plain data, kept by the thousand. */
export interface ElfFile extends ElfHeader {
  readonly start: ElfStart;
  /** ARM instructions the code was compiled for (5 to 8), if the file says so within the bytes read. */
  readonly armVersion?: number;
  /** x86-64 level (1 to 4) that the file says it needs, likewise. */
  readonly x86Level?: number;
}

/** Reads on from a file's header. `head`: its first bytes; `size`: of the whole file. Any number in it may be a lie. */
export function readElfFile(header: ElfHeader, head: Uint8Array, size: number): ElfFile {
  const armVersion = header.machine === 40 ? readArmVersion(header, head) : undefined;
  const x86Level = header.machine === 62 ? readX86Level(header, head) : undefined;
  return {
    ...header,
    start: readStart(header, head, size),
    ...(armVersion === undefined ? {} : { armVersion }),
    ...(x86Level === undefined ? {} : { x86Level }),
  };
}

const load = 1;
const interpreter = 3;

function readStart(header: ElfHeader, head: Uint8Array, size: number): ElfStart {
  const headers = readProgramHeaders(header, head);
  if (typeof headers === 'string') return { kind: 'refused', why: headers };
  if (headers === undefined) return head.length >= size ? cutShort : { kind: 'unread' };
  const segments = headers.filter(({ type, memorySize }) => type === load && memorySize > 0);
  if (segments.length === 0) return { kind: 'refused', why: 'has nothing to load' };
  const impossible = segments.some(
    ({ offset, address, fileSize, memorySize }) =>
      fileSize > memorySize || !Number.isSafeInteger(address + memorySize) || !Number.isSafeInteger(offset + fileSize),
  );
  if (impossible) return { kind: 'refused', why: 'has segments that fit no memory' };
  const entry = readEntry(header, head);
  // Position-independent with nothing at its entry point: a shared library.
  if (header.type === 3 && entry === 0) return { kind: 'refused', why: 'is a library, no program' };
  const home = segments.find(({ address, memorySize }) => entry >= address && entry < address + memorySize);
  if (home === undefined) return { kind: 'refused', why: 'has an entry point outside of what it loads' };
  if (home.offset + (entry - home.address) >= size) return cutShort;
  const { fitsPage, failsPage } = pagesOf(segments);
  if (failsPage === smallestPage) return { kind: 'refused', why: 'has segments that no memory page fits' };
  const named = headers.find(({ type }) => type === interpreter);
  const loader = named === undefined ? undefined : readLoader(named, head, size);
  if (loader !== undefined && typeof loader !== 'string') return loader;
  const cut = segments.some(({ offset, fileSize }) => offset + fileSize > size);
  return {
    kind: 'read',
    dynamic: named !== undefined,
    ...(loader === undefined ? {} : { loader }),
    fitsPage,
    ...(failsPage === undefined ? {} : { failsPage }),
    ...(cut ? { cut } : {}),
  };
}

const cutShort: ElfStart = { kind: 'refused', why: 'is cut short' };

function readEntry(header: ElfHeader, head: Uint8Array): number {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const little = header.endianness === 'little';
  if (header.bits === 64) return Number(view.getBigUint64(24, little));
  // Thumb code has an odd address.
  return view.getUint32(24, little) - (header.machine === 40 ? view.getUint32(24, little) % 2 : 0);
}

function readLoader(
  { offset, fileSize }: ProgramHeader,
  head: Uint8Array,
  size: number,
): string | ElfStart | undefined {
  if (fileSize < 2 || fileSize > 4096)
    return { kind: 'refused', why: 'names its dynamic loader in a way that Linux refuses' };
  if (offset + fileSize > size) return cutShort;
  if (offset + fileSize > head.length) return undefined;
  const bytes = head.subarray(offset, offset + fileSize);
  if (bytes.at(-1) !== 0) return { kind: 'refused', why: 'names its dynamic loader in a way that Linux refuses' };
  const name = bytes.subarray(0, bytes.indexOf(0));
  // Kept for every program of a layer, and no real name is that long.
  return name.length > longestLoader ? undefined : new TextDecoder().decode(name);
}

const longestLoader = 255;

const smallestPage = 4096;
const pages = [smallestPage, 16_384, 65_536];

/**
 * For which pages the segments can be mapped: file offset and address must agree modulo the page (Linux, `elf_map`), and no two segments may want
 * different rights or contents in one page. Larger pages are never easier.
 */
function pagesOf(segments: readonly ProgramHeader[]): { fitsPage: number; failsPage?: number } {
  const failsPage = pages.find((page) =>
    segments.some(({ address, offset, fileSize }) => fileSize > 0 && distance(address, offset, page) !== 0),
  );
  const doubtful = pages.find((page) =>
    segments.some((each) => distance(each.address, each.offset, page) !== 0 || shares(each, segments, page)),
  );
  const below = Math.min(failsPage ?? Number.POSITIVE_INFINITY, doubtful ?? Number.POSITIVE_INFINITY);
  const fitsPage = Math.max(0, ...pages.filter((page) => page < below));
  return { fitsPage, ...(failsPage === undefined ? {} : { failsPage }) };
}

function distance(address: number, offset: number, page: number): number {
  return (address - offset) % page;
}

function shares(one: ProgramHeader, segments: readonly ProgramHeader[], page: number): boolean {
  const last = Math.floor((one.address + one.memorySize - 1) / page);
  return segments.some(
    (other) =>
      other !== one &&
      other.address >= one.address &&
      Math.floor(other.address / page) <= last &&
      !(other.flags === one.flags && other.address - other.offset === one.address - one.offset),
  );
}
