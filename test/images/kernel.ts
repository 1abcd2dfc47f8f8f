import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeElf } from '../oci/elf-writer.ts';

const run = promisify(execFile);
const binfmt = '/proc/sys/fs/binfmt_misc';

/** What to start: in which folder as root of the file system, and how. A program without a slash is looked for in `path`. */
export interface Start {
  readonly root: string;
  readonly folder: string;
  readonly argv: readonly string[];
  readonly path: readonly string[];
}

/** The kernel of some node, played by this machine's: which machine code it starts, on what processor QEMU plays. */
export interface PlayedKernel {
  readonly starts: readonly ('amd64' | 'aarch64' | 'arm')[];
  /** QEMU's name of the processor for 32-bit programs. */
  readonly processor?: string;
}

/** Why this machine cannot play another's kernel; undefined if it can. */
export async function cannotPlay(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs Linux on x86-64';
  if (process.getuid?.() !== 0) return 'unpacking images and changing the root folder need root';
  try {
    await unshared('mount -t binfmt_misc binfmt_misc "$1" && test -e "$1/register"', [binfmt]);
    return undefined;
  } catch {
    return 'handlers for foreign programs of its own need Linux 6.7 and user namespaces';
  }
}

/**
 * Starts each program and returns the exit codes: those of the programs, 128 and the error number where the kernel refuses. All happens in a user
 * namespace of its own, whose handlers for foreign programs (binfmt_misc) are those of the played kernel and leave this machine's alone.
 */
export async function startAll(starts: readonly Start[], kernel: PlayedKernel, scratch: string): Promise<number[]> {
  const launcher = join(scratch, 'launcher');
  await writeFile(launcher, writeElf({ bits: 64, machine: 62, flags: 1, code: launcherCode }), { mode: 0o755 });
  const refusal = join(scratch, 'refusal');
  await writeFile(refusal, 'no program at all\n', { mode: 0o755 });
  const foreign = kernel.starts.filter((each) => each !== 'amd64');
  const handlers = await Promise.all(foreign.map((each) => describeHandler(each)));
  if (!kernel.starts.includes('amd64')) handlers.push(refuseAmd64(refusal));
  const lines = [
    'set -eu',
    `mount -t binfmt_misc binfmt_misc ${binfmt}`,
    ...handlers.map((handler) => `printf %s ${quote(handler)} > ${binfmt}/register`),
    'set +e',
    ...starts.map((start) => toLine(start, launcher, kernel.processor)),
  ];
  const script = join(scratch, 'starts.sh');
  await writeFile(script, lines.join('\n'));
  const { stdout } = await unshared('exec sh "$1"', [script]);
  return readCodes(stdout, starts);
}

/** The exit codes that the lines of {@link toLine} printed, whatever else was printed between them. */
export function readCodes(output: string, starts: readonly Start[]): number[] {
  const codes = [...output.matchAll(/^exit (\d+)\r?$/gm)].map(([, code]) => Number(code));
  if (codes.length !== starts.length)
    throw new Error(`${codes.length} of ${starts.length} programs came to an end: ${output.slice(-2000)}`);
  return codes;
}

function unshared(script: string, args: readonly string[]) {
  const argv = ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', ...args];
  return run('unshare', argv, { timeout: 60_000, maxBuffer: 16 * 1024 * 1024 });
}

/** Shell commands that start a program and print its exit code. Tries each folder of PATH, going on where there is no such file or it is not executable (ENOENT, EACCES, ENOTDIR). */
export function toLine({ root, folder, argv, path }: Start, launcher: string, processor: string | undefined): string {
  const [name = '', ...rest] = argv;
  const candidates = name.includes('/') ? [name] : path.map((each) => `${each}/${name}`);
  const environment = [`PATH=${path.join(':')}`, ...(processor === undefined ? [] : [`QEMU_CPU=${processor}`])];
  const attempts = candidates.map((candidate) => {
    const words = ['timeout', '10', 'env', '-i', ...environment, launcher, root, folder, candidate, ...rest];
    return `if [ $code = 127 ] || [ $code = 130 ] || [ $code = 141 ] || [ $code = 148 ]; then ${words.map(quote).join(' ')} >/dev/null 2>&1 </dev/null; code=$?; fi`;
  });
  return ['code=127', ...attempts, 'echo "exit $code"'].join('\n');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function describeHandler(foreign: 'aarch64' | 'arm'): Promise<string> {
  const text = await readFile(join(binfmt, `qemu-${foreign}`), 'utf8');
  const field = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? '';
  return `:${foreign}:M:0:${escapeHex(field('magic'))}:${escapeHex(field('mask'))}:${field('interpreter')}:PF`;
}

/** A kernel of another machine does not know x86-64. Told from QEMU and the launcher by having no section headers and no flags. */
function refuseAmd64(refusal: string): string {
  const magic = Buffer.alloc(62);
  const mask = Buffer.alloc(62);
  const must = (at: number, ...bytes: number[]) => {
    magic.set(bytes, at);
    mask.fill(0xff, at, at + bytes.length);
  };
  must(0, 0x7f, 0x45, 0x4c, 0x46, 2, 1);
  must(18, 62, 0);
  must(48, 0, 0, 0, 0);
  must(60, 0, 0);
  return `:amd64:M:0:${escapeHex(magic.toString('hex'))}:${escapeHex(mask.toString('hex'))}:${refusal}:F`;
}

function escapeHex(hex: string): string {
  return hex.replaceAll(/../g, '\\x$&');
}

/**
 * chroot(argv[1]); chdir(argv[2]); execve(argv[3], &argv[3], environment); what fails ends it with 128 and the error number. In machine code,
 * since execvp(3), which other programs use, hands to a shell what the kernel refuses.
 */
const launcherCode = Buffer.from(
  [
    '488b1c24', // mov rbx, [rsp]: argc
    '488b7c2410b8a10000000f054885c07827', // chroot, to the end on failure
    '488b7c2418b8500000000f054885c07816', // chdir, likewise
    '488b7c2420488d742420488d54dc10b83b0000000f05', // execve
    'f7d8058000000089c7b83c0000000f05', // exit(128 - result)
  ].join(''),
  'hex',
);
