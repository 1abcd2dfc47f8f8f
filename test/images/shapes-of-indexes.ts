import { type Code, program } from './programs.ts';
import type { EntryPlan, ManifestPlan, Shape } from './shape.ts';

/** An image that starts /fn, a program of that machine code, and says whatever it says. */
export function image(
  code: Code,
  says: Readonly<Record<string, string>> = { os: 'linux', architecture: 'arm64' },
): ManifestPlan {
  return { says, config: { Entrypoint: ['/fn'] }, layers: [{ files: [program('fn', code)] }] };
}

/** `linux/arm/v7` as an index has it. */
export function named(text: string): Readonly<Record<string, string>> {
  const [os = '', architecture = '', variant] = text.split('/');
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** An entry that names a platform and holds a program of some machine code; its configuration says what the index says. */
export function entry(text: string, code: Code): EntryPlan {
  return { named: named(text), holds: image(code, named(text)) };
}

const index = (...entries: readonly EntryPlan[]) => ({ entries });
const attestation: EntryPlan = {
  named: { os: 'unknown', architecture: 'unknown' },
  annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  holds: { says: named('unknown/unknown'), layers: [], configType: 'application/vnd.oci.image.config.v1+json' },
};

/**
 * What an index says, and what it holds. Columns of `truth`: amd64, arm64, pi5, arm64-server, armv7, armv6, arm-on-arm64.
 * Why each is true follows from three rules: containerd's order decides which entry a node takes; what that entry holds decides whether it starts;
 * a single manifest is taken by every node.
 */
// biome-ignore format: a table
export const shapesOfIndexes: readonly Shape[] = [
  // Honest indexes, and what falls back to what.
  { truth: '+++++-+', name: 'amd64, arm64 and arm/v7', image: index(entry('linux/amd64', 'amd64'), entry('linux/arm64', 'arm64'), entry('linux/arm/v7', 'arm')) },
  { truth: '+------', name: 'amd64 only', image: index(entry('linux/amd64', 'amd64')) },
  { truth: '-+++---', name: 'arm64 only', image: index(entry('linux/arm64', 'arm64')) },
  { truth: '-++-+-+', name: 'arm/v7 only, which 64-bit Pis start too', image: index(entry('linux/arm/v7', 'armv7')) },
  { truth: '-++-+++', name: 'arm/v6 only, compiled for v6', image: index(entry('linux/arm/v6', 'armv6')) },
  { truth: '-++-+?+', name: 'arm/v6 only, which does not say what it is compiled for', image: index(entry('linux/arm/v6', 'arm')) },
  { truth: '-++-+++', name: 'arm/v5 only, soft float', image: index(entry('linux/arm/v5', 'armv5')) },
  { truth: '-++---+', name: 'arm/v8 only: 32-bit code under the name of version 8', image: index(entry('linux/arm/v8', 'arm')) },
  { truth: '-++-+-+', name: 'arm without a variant, which means v7', image: index(entry('linux/arm', 'arm')) },
  { truth: '-+++---', name: 'arm64/v8, which is arm64', image: index(entry('linux/arm64/v8', 'arm64')) },
  { truth: '-------', name: 'arm64/v8.2 only, which no node asks for', image: index(entry('linux/arm64/v8.2', 'arm64')) },
  { truth: '-------', name: 'arm64/v9 only', image: index(entry('linux/arm64/v9', 'arm64')) },
  { truth: '+------', name: 'amd64/v1, which is amd64', image: index(entry('linux/amd64/v1', 'amd64')) },
  { truth: '-------', name: 'amd64/v2 only, which no node asks for', image: index(entry('linux/amd64/v2', 'amd64v2')) },
  { truth: '+------', name: 'amd64/v3 beside amd64', image: index(entry('linux/amd64/v3', 'amd64v3'), entry('linux/amd64', 'amd64')) },
  { truth: '?------', name: '386 only: amd64 takes it, its kernel may start it', image: index(entry('linux/386', '386')) },
  { truth: '+------', name: '386 beside amd64', image: index(entry('linux/386', '386'), entry('linux/amd64', 'amd64')) },
  { truth: '-------', name: 'riscv64 only', image: index(entry('linux/riscv64', 'riscv64')) },
  { truth: '-++-+++', name: 'arm/v6 and arm/v7, the older first', image: index(entry('linux/arm/v6', 'armv6'), entry('linux/arm/v7', 'armv7')) },

  // Other spellings, which containerd normalises, and some that it does not.
  { truth: '-+++---', name: 'aarch64 in place of arm64', image: index(entry('linux/aarch64', 'arm64')) },
  { truth: '+------', name: 'x86_64 and Linux with a capital', image: index(entry('Linux/x86_64', 'amd64')) },
  { truth: '-++-+-+', name: 'armhf in place of arm/v7', image: index(entry('linux/armhf', 'armv7')) },
  { truth: '-++-+++', name: 'armel in place of arm/v6', image: index(entry('linux/armel', 'armv6')) },
  { truth: '-++-+-+', name: 'arm with variant 7', image: index(entry('linux/arm/7', 'armv7')) },
  { truth: '-------', name: 'arm with variant v7l, which is none', image: index(entry('linux/arm/v7l', 'armv7')) },
  { truth: '-+++---', name: 'arm64 without an operating system, which means Linux', image: index(entry('/arm64', 'arm64')) },
  { truth: '-------', name: 'an operating system feature that no node has', image: index({ ...entry('linux/arm64', 'arm64'), named: { ...named('linux/arm64'), 'os.features': ['erofs'] } }) },

  // Indexes that lie.
  { truth: '-------', name: 'arm64 that holds amd64', image: index(entry('linux/arm64', 'amd64')) },
  { truth: '+------', name: 'amd64 and arm64 that both hold amd64', image: index(entry('linux/amd64', 'amd64'), entry('linux/arm64', 'amd64')) },
  { truth: '+------', name: 'three platforms that all hold amd64', image: index(entry('linux/amd64', 'amd64'), entry('linux/arm64', 'amd64'), entry('linux/arm/v7', 'amd64')) },
  { truth: '-+++--+', name: 'three platforms that all hold arm64', image: index(entry('linux/amd64', 'arm64'), entry('linux/arm64', 'arm64'), entry('linux/arm/v7', 'arm64')) },
  { truth: '-++----', name: 'arm64 that holds 32-bit ARM, which most such nodes start', image: index(entry('linux/arm64', 'arm')) },
  { truth: '-+++--+', name: 'arm/v7 that holds arm64', image: index(entry('linux/arm/v7', 'arm64')) },
  { truth: '-++-+-+', name: 'arm/v6 that holds v7 code', image: index(entry('linux/arm/v6', 'armv7')) },
  { truth: '-------', name: 'arm/v7 that holds amd64', image: index(entry('linux/arm/v7', 'amd64')) },
  { truth: '----+-+', name: 'arm64 that holds amd64 beside arm/v7 that is right: the node takes arm64 all the same', image: index(entry('linux/arm64', 'amd64'), entry('linux/arm/v7', 'armv7')) },
  { truth: '-----+-', name: 'arm/v7 that holds amd64 beside arm/v6 that is right', image: index(entry('linux/arm/v7', 'amd64'), entry('linux/arm/v6', 'armv6')) },
  { truth: '-------', name: 'two arm64, the first of them wrong', image: index(entry('linux/arm64', 'amd64'), entry('linux/arm64', 'arm64')) },
  { truth: '-+++---', name: 'two arm64, the second of them wrong', image: index(entry('linux/arm64', 'arm64'), entry('linux/arm64', 'amd64')) },
  { truth: '-+++---', name: 'an index that is right, and a configuration that says amd64', image: index({ named: named('linux/arm64'), holds: image('arm64', named('linux/amd64')) }) },
  { truth: '?------', name: 'amd64 that holds 386', image: index(entry('linux/amd64', '386')) },
  { truth: '-------', name: 'riscv64 code under amd64', image: index(entry('linux/amd64', 'riscv64')) },

  // Entries that are no platform.
  { truth: '++++---', name: 'attestations first', image: index(attestation, attestation, entry('linux/amd64', 'amd64'), entry('linux/arm64', 'arm64')) },
  { truth: '-------', name: 'nothing but an attestation', image: index(attestation) },
  { truth: '-------', name: 'an empty index', image: index() },
  { truth: '-+++---', name: 'an entry without a platform whose configuration says arm64', image: index({ holds: image('arm64', named('linux/arm64')) }) },
  { truth: '++++---', name: 'amd64, and an entry without a platform whose configuration says arm64', image: index(entry('linux/amd64', 'amd64'), { holds: image('arm64', named('linux/arm64')) }) },
  { truth: '+------', name: 'two entries without a platform: containerd looks at the first only', image: index({ holds: image('amd64', named('linux/amd64')) }, { holds: image('arm64', named('linux/arm64')) }) },
  { truth: '+++-+-+', name: 'an index within the index', image: index({ holds: index(entry('linux/amd64', 'amd64'), entry('linux/arm/v7', 'armv7')) }) },
  { truth: '-------', name: 'an index within the index that has nothing for arm, beside nothing else', image: index({ named: named('linux/arm64'), holds: index(entry('linux/amd64', 'amd64')) }) },
  { truth: '-------', name: 'an index for arm64 that holds amd64, before arm64 that is right', image: index({ named: named('linux/arm64'), holds: index(entry('linux/arm64', 'amd64')) }, entry('linux/arm64', 'arm64')) },
  { truth: '++++---', name: 'an index in an index in the index, beside arm64', image: index({ holds: index({ holds: index(entry('linux/amd64', 'amd64'), entry('linux/arm64', 'amd64')) }) }, entry('linux/arm64', 'arm64')) },
  { truth: '+------', name: 'a chart beside amd64', image: index({ holds: { layers: [], configType: 'application/vnd.cncf.helm.config.v1+json' } }, entry('linux/amd64', 'amd64')) },

  // Other systems.
  { truth: '-------', name: 'windows/amd64 only', image: index({ named: named('windows/amd64'), holds: windows() }) },
  { truth: '+------', name: 'windows/amd64 before linux/amd64', image: index({ named: named('windows/amd64'), holds: windows() }, entry('linux/amd64', 'amd64')) },
  { truth: '-------', name: 'a single Windows image', image: windows() },
  { truth: '-------', name: 'darwin/arm64 only', image: index(entry('darwin/arm64', 'arm64')) },
  { truth: '-???--?', name: 'a single image that calls itself darwin but holds Linux code: older containerd starts it', image: image('arm64', named('darwin/arm64')) },

  // Single manifests, which every node takes.
  { truth: '+------', name: 'a single amd64 image', image: image('amd64', named('linux/amd64')) },
  { truth: '-+++--+', name: 'a single arm64 image: a 64-bit kernel starts it for a 32-bit system too', image: image('arm64', named('linux/arm64')) },
  { truth: '-++-+-+', name: 'a single arm/v7 image', image: image('armv7', named('linux/arm/v7')) },
  { truth: '-++-+?+', name: 'a single arm image that does not say what it is compiled for', image: image('arm', named('linux/arm/v6')) },
  { truth: '-++-+++', name: 'a single arm image compiled for v6', image: image('armv6', named('linux/arm/v7')) },
  { truth: '-+++--+', name: 'a single image that says amd64 and holds arm64', image: image('arm64', named('linux/amd64')) },
  { truth: '+------', name: 'a single image that says arm64 and holds amd64', image: image('amd64', named('linux/arm64')) },
  { truth: '-+++--+', name: 'a single image that says nothing of its platform', image: image('arm64', {}) },
  { truth: '?------', name: 'a single image for amd64/v3', image: image('amd64', named('linux/amd64/v3')) },
  { truth: '-------', name: 'a chart', image: { layers: [{ files: [], mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip' }], configType: 'application/vnd.cncf.helm.config.v1+json' } },
  { truth: '-------', name: 'an empty configuration', image: { layers: [] } },
];

function windows(): ManifestPlan {
  const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
  return {
    says: { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.1' },
    config: { Entrypoint: ['c:\\fn.exe'] },
    layers: [
      { files: [{ name: 'Files/Windows/base.dll', content: 'MZ' }], mediaType: foreign, absent: true },
      { files: [{ name: 'Files/fn.exe', content: 'MZ' }] },
    ],
  };
}
