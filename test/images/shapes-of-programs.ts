import type { TestEntry } from '../oci/image-parts.ts';
import { link, loader, pagesOf4K, program, script, sharing } from './programs.ts';
import type { LayerPlan, ManifestPlan, Shape } from './shape.ts';
import { named } from './shapes-of-indexes.ts';

const wide = 'linux/arm64';
const narrow = 'linux/arm/v7';

/** An index with one platform. Its layers hold these files, in one layer or in several. */
function only(
  platform: string,
  config: Readonly<Record<string, unknown>>,
  ...files: readonly TestEntry[]
): Shape['image'] {
  return layered(platform, config, { files });
}

function layered(
  platform: string,
  config: Readonly<Record<string, unknown>>,
  ...layers: readonly LayerPlan[]
): Shape['image'] {
  return { entries: [{ named: named(platform), holds: manifest(platform, config, layers) }] };
}

function manifest(
  platform: string,
  config: Readonly<Record<string, unknown>>,
  layers: readonly LayerPlan[],
): ManifestPlan {
  return { says: named(platform), config, layers };
}

const fn = { Entrypoint: ['/fn'] };
const ld = 'lib/ld-linux-aarch64.so.1';
const dynamic = { loader: `/${ld}` };
const armhf = { loader: '/lib/ld-linux-armhf.so.3' };

/** A system as Debian lays it out. */
const system = [
  link('bin', 'usr/bin'),
  program('usr/bin/dash', 'arm64'),
  link('usr/bin/sh', 'dash'),
  program('usr/bin/env', 'arm64'),
  program('usr/local/bin/node', 'arm64'),
  program('usr/sbin/tini', 'arm64'),
] as const;

// All indexes here have one platform and an honest name; where nothing is wrong, `-+++---` (arm64) and `-++-+-+` (arm/v7) are true of such.

/** What a program's file holds. Columns of `truth`: amd64, arm64, pi5, arm64-server, armv7, armv6, arm-on-arm64. */
// biome-ignore format: a table
export const shapesOfFiles: readonly Shape[] = [
  { truth: '-+++---', name: 'a dynamic program and its loader', image: only(wide, fn, program('fn', 'arm64', dynamic), loader(ld, 'arm64')) },
  { truth: '-------', name: 'a loader that is missing', image: only(wide, fn, program('fn', 'arm64', dynamic)) },
  { truth: '-------', name: 'a program for glibc on a system with musl', image: only(wide, fn, program('fn', 'arm64', dynamic), loader('lib/ld-musl-aarch64.so.1', 'arm64')) },
  { truth: '-+++---', name: 'a loader behind links', image: only(wide, fn, link('lib', 'usr/lib'), program('fn', 'arm64', dynamic), link('usr/lib/ld-linux-aarch64.so.1', 'deep/ld.so'), loader('usr/lib/deep/ld.so', 'arm64')) },
  { truth: '-------', name: 'a loader behind a broken link', image: only(wide, fn, program('fn', 'arm64', dynamic), link(ld, 'gone')) },
  { truth: '-------', name: 'a loader of another machine', image: only(wide, fn, program('fn', 'arm64', dynamic), loader(ld, 'amd64')) },
  { truth: '-------', name: 'a 32-bit loader for a 64-bit program', image: only(wide, fn, program('fn', 'arm64', dynamic), loader(ld, 'arm')) },
  { truth: '-------', name: 'a loader that is not executable', image: only(wide, fn, program('fn', 'arm64', dynamic), loader(ld, 'arm64', { mode: 0o644 })) },
  { truth: '-------', name: 'a loader that is not executable, on amd64', image: only('linux/amd64', fn, program('fn', 'amd64', dynamic), loader(ld, 'amd64', { mode: 0o644 })) },
  { truth: '-------', name: 'a loader of 32 bits on amd64', image: only('linux/amd64', fn, program('fn', 'amd64', dynamic), loader(ld, '386', { base: 0 })) },
  { truth: '-------', name: 'a loader that is a script', image: only(wide, fn, program('fn', 'arm64', dynamic), script(ld, '#!/bin/sh')) },
  { truth: '-???---', name: 'a loader named too far behind the beginning', image: only(wide, fn, program('fn', 'arm64', { ...dynamic, loaderAt: 9000 }), loader(ld, 'arm64')) },
  { truth: '-???---', name: 'headers too far behind the beginning', image: only(wide, fn, program('fn', 'arm64', { headersAt: 8192 })) },
  { truth: '-+-?---', name: 'arm64 laid out for pages of 4 KiB', image: only(wide, fn, program('fn', 'arm64', { base: pagesOf4K.base64 })) },
  { truth: '-++?---', name: 'arm64 laid out for pages of 16 KiB', image: only(wide, fn, program('fn', 'arm64', { base: 0x404000 })) },
  { truth: '-+??---', name: 'two parts that share a page of 16 KiB', image: only(wide, fn, program('fn', 'arm64', sharing)) },
  { truth: '-+-?---', name: 'a loader laid out for pages of 4 KiB', image: only(wide, fn, program('fn', 'arm64', dynamic), loader(ld, 'arm64', { base: 0x1000 })) },
  { truth: '+------', name: 'amd64 laid out for pages of 4 KiB', image: only('linux/amd64', fn, program('fn', 'amd64', { base: pagesOf4K.base64 })) },
  { truth: '-+--+-+', name: '32-bit ARM laid out for pages of 4 KiB', image: only(narrow, fn, program('fn', 'armv7', { base: pagesOf4K.base32 })) },
  { truth: '-+?-+-+', name: '32-bit ARM with libraries, on pages of 16 KiB', image: only(narrow, fn, program('fn', 'arm', armhf), loader('lib/ld-linux-armhf.so.3', 'arm')) },
  { truth: '-------', name: '32-bit ARM without its hard-float loader', image: only(narrow, fn, program('fn', 'arm', armhf), loader('lib/ld-linux.so.3', 'armSoft')) },
  { truth: '-??-?-?', name: 'hard float and a soft-float loader', image: only(narrow, fn, program('fn', 'arm', armhf), loader('lib/ld-linux-armhf.so.3', 'armSoft')) },
  { truth: '-+?-+-+', name: 'soft float throughout', image: only(narrow, fn, program('fn', 'armSoft', { loader: '/lib/ld-linux.so.3' }), loader('lib/ld-linux.so.3', 'armSoft')) },
  { truth: '----?--', name: '32-bit ARM of the old ABI', image: only(narrow, fn, program('fn', 'armOldAbi')) },
  { truth: '-------', name: 'big-endian ARM', image: only(narrow, fn, program('fn', 'armBig')) },
  { truth: '+------', name: 'x86-64-v2', image: only('linux/amd64', fn, program('fn', 'amd64v2')) },
  { truth: '?------', name: 'x86-64-v3', image: only('linux/amd64', fn, program('fn', 'amd64v3')) },
  { truth: '-------', name: 'a shared library', image: only(wide, fn, program('fn', 'arm64', { type: 3, entry: 0 })) },
  { truth: '-------', name: 'an object file', image: only(wide, fn, program('fn', 'arm64', { type: 1 })) },
  { truth: '-+++---', name: 'a position-independent program', image: only(wide, fn, program('fn', 'arm64', { type: 3 })) },
  { truth: '-------', name: 'a program cut off in its header', image: only(wide, fn, cut(program('fn', 'arm64'), 60)) },
  { truth: '-------', name: 'a program cut off before its code', image: only(wide, fn, cut(program('fn', 'arm64'), 100)) },
  { truth: '-???---', name: 'a program cut off behind its code', image: only(wide, fn, cut(program('fn', 'arm64', { size: 20_000 }), 8000)) },
  { truth: '-------', name: 'an empty file', image: only(wide, fn, { name: 'fn' }) },
  { truth: '-------', name: 'text that begins with no #!', image: only(wide, fn, script('fn', 'echo hello')) },
  { truth: '-------', name: 'a Windows program', image: only('linux/amd64', fn, { name: 'fn', content: 'MZ\u0090\0' }) },
  { truth: '-------', name: 'a Mach-O program', image: only(wide, fn, { name: 'fn', content: Buffer.from('cffaedfe0c000001', 'hex') }) },
];

function cut(entry: TestEntry, size: number): TestEntry {
  return { ...entry, content: Buffer.from(entry.content ?? '').subarray(0, size) };
}

const encrypted = 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted';

/** How a configuration names the program, and what lies between it and the file. */
// biome-ignore format: a table
export const shapesOfWays: readonly Shape[] = [
  { truth: '-+++---', name: 'a name in the default PATH', image: only(wide, { Entrypoint: ['node', 'x'] }, ...system) },
  { truth: '-+++---', name: 'a name in the PATH of the image', image: only(wide, { Entrypoint: ['fn'], Env: ['PATH=/nowhere:/opt'] }, program('opt/fn', 'arm64')) },
  { truth: '-------', name: 'a name that is not in PATH', image: only(wide, { Entrypoint: ['fn'] }, program('opt/fn', 'arm64')) },
  { truth: '-+++---', name: 'a name that PATH finds first without the right to execute', image: only(wide, { Cmd: ['fn'], Env: ['PATH=/a:/b'] }, program('a/fn', 'amd64', { mode: 0o644 }), program('b/fn', 'arm64')) },
  { truth: '-+++---', name: 'a path from the working folder', image: only(wide, { Entrypoint: ['./fn'], WorkingDir: '/app' }, program('app/fn', 'arm64')) },
  { truth: '-------', name: 'a path from the wrong working folder', image: only(wide, { Entrypoint: ['./fn'] }, program('app/fn', 'arm64')) },
  { truth: '-------', name: 'a working folder that is no path', image: only(wide, { ...fn, WorkingDir: 'app' }, program('fn', 'arm64')) },
  { truth: '-+++---', name: 'a command and no entrypoint', image: only(wide, { Cmd: ['/fn'] }, program('fn', 'arm64')) },
  { truth: '-+++---', name: 'ONBUILD instructions and volumes', image: only(wide, { ...fn, OnBuild: ['COPY . .'], Volumes: { '/data': {} } }, program('fn', 'arm64')) },
  { truth: '-------', name: 'neither entrypoint nor command', image: only(wide, { Entrypoint: null, Cmd: [] }, program('fn', 'arm64')) },
  { truth: '-------', name: 'an entrypoint that is missing', image: only(wide, fn, program('function', 'arm64')) },
  { truth: '-------', name: 'an entrypoint that is a folder', image: only(wide, fn, { name: 'fn/', type: 'directory' }) },
  { truth: '-------', name: 'an entrypoint that is not executable', image: only(wide, fn, program('fn', 'arm64', { mode: 0o644 })) },
  { truth: '-------', name: 'an entrypoint for its owner alone, who is root, as another user', image: only(wide, { ...fn, User: '1000:1000' }, program('fn', 'arm64', { mode: 0o700 })) },
  { truth: '-+++---', name: 'an entrypoint for its owner alone, who is the user', image: only(wide, { ...fn, User: '1000' }, program('fn', 'arm64', { mode: 0o700, uid: 1000 })) },
  { truth: '-???---', name: 'an entrypoint for root alone as a user with a name', image: only(wide, { ...fn, User: 'app' }, program('fn', 'arm64', { mode: 0o700 })) },
  { truth: '-+++---', name: 'a relative link', image: only(wide, { Entrypoint: ['/usr/bin/fn'] }, link('usr/bin/fn', '../../opt/fn'), program('opt/fn', 'arm64')) },
  { truth: '-+++---', name: 'a link above the root', image: only(wide, fn, link('fn', '../../../opt/fn'), program('opt/fn', 'arm64')) },
  { truth: '-------', name: 'a link in a circle', image: only(wide, fn, link('fn', 'nf'), link('nf', 'fn')) },
  { truth: '-+++---', name: 'a hard link', image: only(wide, fn, program('opt/fn', 'arm64'), { name: 'fn', type: 'link', linkname: 'opt/fn' }) },

  { truth: '-+++---', name: 'a script, env, and a name in PATH', image: only(wide, fn, ...system, script('fn', '#!/usr/bin/env node', 'start()')) },
  { truth: '-+++---', name: 'env -S', image: only(wide, fn, ...system, script('fn', '#!/usr/bin/env -S NODE_ENV=x node --flag', '')) },
  { truth: '-------', name: 'env with two words and no -S', image: only(wide, fn, ...system, script('fn', '#!/usr/bin/env node --flag', '')) },
  { truth: '-------', name: 'env -S of busybox, which does not know it', image: only(wide, fn, program('bin/busybox', 'arm64'), link('usr/bin/env', '/bin/busybox'), program('usr/bin/node', 'arm64'), script('fn', '#!/usr/bin/env -S node --flag', '')) },
  { truth: '-+++---', name: 'env of busybox', image: only(wide, fn, program('bin/busybox', 'arm64'), link('usr/bin/env', '/bin/busybox'), program('usr/bin/node', 'arm64'), script('fn', '#!/usr/bin/env node', '')) },
  { truth: '-------', name: 'a script whose interpreter is missing', image: only(wide, fn, ...system, script('fn', '#!/usr/bin/python3', '')) },
  { truth: '-------', name: 'a script with Windows line ends', image: only(wide, fn, ...system, script('fn', '#!/bin/sh\r', 'exec node\r')) },
  { truth: '-------', name: 'a script on a system of another machine', image: only(wide, fn, program('bin/sh', 'amd64'), script('fn', '#!/bin/sh', 'exec /bin/sh')) },
  { truth: '-+++---', name: 'an entrypoint script that ends with its arguments', image: only(wide, { ...fn, Cmd: ['node', 'x'] }, ...system, script('fn', '#!/bin/sh', 'set -e', 'exec "$@"')) },
  { truth: '-???---', name: 'an entrypoint script whose argument is of another machine', image: only(wide, { ...fn, Cmd: ['/opt/tool'] }, ...system, program('opt/tool', 'amd64'), script('fn', '#!/bin/sh', 'exec "$@"')) },
  { truth: '-???---', name: 'a script that cannot be followed', image: only(wide, fn, ...system, script('fn', '#!/bin/sh', 'while true; do node x; done')) },
  { truth: '-+++---', name: 'a command line that can', image: only(wide, { Cmd: ['/bin/sh', '-c', 'cd /app && exec node x'] }, ...system) },
  { truth: '-------', name: 'a command line that starts another machine', image: only(wide, { Cmd: ['/bin/sh', '-c', 'exec /opt/tool'] }, ...system, program('opt/tool', 'amd64')) },
  { truth: '-???---', name: 'a command line that cannot be followed', image: only(wide, { Cmd: ['/bin/sh', '-c', 'node x | tee log'] }, ...system) },
  { truth: '-+++---', name: 'a shell', image: only(wide, { Cmd: ['sh'] }, ...system) },
  { truth: '-+++---', name: 'an init and what it starts', image: only(wide, { Entrypoint: ['tini', '--'], Cmd: ['node', 'x'] }, ...system) },
  { truth: '-------', name: 'an init, and what it starts is missing', image: only(wide, { Entrypoint: ['tini', '--', 'ruby'] }, ...system) },
  { truth: '-+++---', name: 'a watchdog and its process', image: only(wide, { Cmd: ['of-watchdog'], Env: ['fprocess=node index.js'] }, ...system, program('usr/bin/of-watchdog', 'arm64')) },
  { truth: '-------', name: 'a watchdog of another machine', image: only(wide, { Cmd: ['fwatchdog'], Env: ['fprocess=node index.js'] }, ...system, program('usr/bin/fwatchdog', 'amd64')) },
  { truth: '-------', name: 'a watchdog whose process is of another machine', image: only(wide, { Cmd: ['fwatchdog'], Env: ['fprocess=/fn'] }, program('usr/bin/fwatchdog', 'arm64'), program('fn', 'amd64')) },
  { truth: '+------', name: 'five scripts that start one another', image: only('linux/amd64', { Entrypoint: ['/s1'] }, ...scripts(5), program('s6', 'amd64')) },
  { truth: '-------', name: 'six scripts that start one another', image: only('linux/amd64', { Entrypoint: ['/s1'] }, ...scripts(6), program('s7', 'amd64')) },

  { truth: '-+++---', name: 'a lower layer of another machine, replaced', image: layered(wide, fn, { files: [program('fn', 'amd64')] }, { files: [program('fn', 'arm64')] }) },
  { truth: '-------', name: 'a right lower layer, replaced by another machine', image: layered(wide, fn, { files: [program('fn', 'arm64')] }, { files: [program('fn', 'amd64')] }) },
  { truth: '-------', name: 'deleted by a whiteout', image: layered(wide, fn, { files: [program('fn', 'arm64')] }, { files: [{ name: '.wh.fn' }] }) },
  { truth: '-------', name: 'deleted with its folder', image: layered(wide, { Cmd: ['/app/fn'] }, { files: [program('app/fn', 'arm64')] }, { files: [{ name: 'app/.wh..wh..opq' }] }) },
  { truth: '-+++---', name: 'deleted and made anew', image: layered(wide, fn, { files: [program('fn', 'amd64')] }, { files: [{ name: '.wh.fn' }] }, { files: [program('fn', 'arm64')] }) },
  { truth: '-+++---', name: 'layers of zstd, of nothing and of gzip', image: layered(wide, { Entrypoint: ['/bin/sh', '/fn'] }, { files: [...system], packing: 'zstd' }, { files: [script('fn', '#!/bin/sh', 'node x')], packing: 'none' }, { files: [] }) },
  { truth: '-???---', name: 'a layer that is encrypted', image: layered(wide, fn, { files: [program('fn', 'arm64')], mediaType: encrypted }) },
  { truth: '-???---', name: 'a layer that is an EROFS file system', image: layered(wide, fn, { files: [program('fn', 'arm64')], mediaType: 'application/vnd.erofs.layer.v1' }) },
  { truth: '-???---', name: 'a layer that is nowhere to be had', image: layered(wide, fn, { files: [program('fn', 'arm64')], absent: true }, { files: [script('other')] }) },
  { truth: '-------', name: 'a configuration that lists a layer less', image: { entries: [{ named: named(wide), holds: { ...manifest(wide, fn, [{ files: [program('fn', 'arm64')] }]), listed: 0 } }] } },
  { truth: '-+++---', name: 'something among the layers that is none', image: { entries: [{ named: named(wide), holds: { ...manifest(wide, fn, [{ files: [program('fn', 'arm64')] }, { files: [{ name: '.wh.fn' }], mediaType: 'application/vnd.example.notes' }]), listed: 1 } }] } },
];

function scripts(count: number): TestEntry[] {
  return Array.from({ length: count }, (_, index) => script(`s${index + 1}`, `#!/s${index + 2}`, ''));
}
