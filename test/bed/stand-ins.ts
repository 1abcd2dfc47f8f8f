import { bundlePath, busybox, debianPackages, goTree, type Layer, node, npm, skeleton } from './base-layers.ts';

/** How an image is made that can take the place of a public base image where no public registry is reachable. */
export interface StandIn {
  /** Repository and tag, without the registry's address. */
  readonly name: string;
  /** `all`: amd64, arm64 and arm/v7. `own`: only this machine's, which is enough for a build stage on $BUILDPLATFORM. */
  readonly platforms: 'all' | 'arm64-amd64' | 'own';
  readonly layers: readonly Layer[];
  /** What follows FROM scratch and COPY in its Dockerfile. */
  readonly settings: readonly string[];
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const certificates = `ENV SSL_CERT_FILE=${bundlePath} NODE_EXTRA_CA_CERTS=${bundlePath}`;
/** What node links to on every platform. */
const runtimeLibraries = ['libc6', 'libgcc-s1', 'libstdc++6', 'tzdata'];

/** What a layer holds on 32-bit ARM alone. */
function onArm({ fill, facts }: Layer): Layer {
  return {
    fill: async (kit, root, architecture) => (architecture === 'armhf' ? await fill(kit, root, architecture) : {}),
    facts: async () => `armhf: ${(await facts?.()) ?? ''}`,
  };
}

/** Like the real one it has no libatomic1, so that Node's program for 32-bit ARM does not start in it. */
function distrolessNode(major: number, debian: string, tag = 'latest'): StandIn {
  const nonRoot = tag.includes('nonroot');
  return {
    name: `base/distroless-nodejs${major}:debian${debian}${nonRoot ? '-nonroot' : ''}`,
    // Node 24 does not exist for 32-bit ARM, neither here nor in the real image.
    platforms: major < 24 ? 'all' : 'arm64-amd64',
    layers: [debianPackages(...runtimeLibraries), skeleton, node(major, 'nodejs/bin/node')],
    settings: [
      `ENV PATH=${path} SSL_CERT_FILE=${bundlePath}`,
      ...(nonRoot ? ['USER 65532', 'WORKDIR /home/nonroot'] : []),
      'ENTRYPOINT ["/nodejs/bin/node"]',
    ],
  };
}

/** Debian's slim image with Node. From 24 on it is a build stage's base here, and has npm; before, the last stage's of 32-bit ARM. */
function slimNode(major: number): StandIn {
  const last = major < 24;
  return {
    name: `base/node:${major}`,
    platforms: last ? 'all' : 'own',
    layers: [
      debianPackages(...runtimeLibraries),
      // What node's program for 32-bit ARM links to besides, and what the real image therefore keeps.
      ...(last ? [onArm(debianPackages('libatomic1'))] : []),
      skeleton,
      busybox,
      node(major, 'usr/local/bin/node'),
      ...(last ? [] : [npm]),
    ],
    settings: [`ENV PATH=${path}`, certificates, 'CMD ["node"]'],
  };
}

function golang(version: string): StandIn {
  return {
    name: `base/golang:${version}`,
    platforms: 'own',
    layers: [skeleton, busybox, goTree],
    settings: [
      `ENV PATH=/go/bin:/usr/local/go/bin:${path} GOPATH=/go GOTOOLCHAIN=local`,
      certificates,
      'WORKDIR /go',
      'CMD ["sh"]',
    ],
  };
}

/** A small image with a shell, for all three platforms: the base of the tests' foreign templates. */
export const busyboxReference = 'docker.io/library/busybox:1.36';

const patterns: readonly { readonly pattern: RegExp; readonly make: (...found: readonly string[]) => StandIn }[] = [
  {
    pattern: /^gcr\.io\/distroless\/nodejs(\d+)-debian(1[23])(?::([\w.-]+))?@/,
    make: (major = '', debian = '', tag) => distrolessNode(Number(major), debian, tag),
  },
  { pattern: /^(?:docker\.io\/library\/)?node:(\d+)[-.@]/, make: (major) => slimNode(Number(major)) },
  { pattern: /^(?:docker\.io\/library\/)?golang:(\d+\.\d+)/, make: (version = '') => golang(version) },
  {
    pattern: /^(?:docker\.io\/library\/)?busybox:(\d+\.\d+)/,
    make: (version) => ({
      name: `base/busybox:${version}`,
      platforms: 'all',
      layers: [skeleton, busybox],
      settings: [`ENV PATH=${path}`, 'CMD ["sh"]'],
    }),
  },
];

/** The recipe for the stand-in of a pinned reference; undefined when nobody has written one. */
export function standInFor(reference: string): StandIn | undefined {
  for (const { pattern, make } of patterns) {
    const found = pattern.exec(reference);
    if (found !== null) return make(...found.slice(1));
  }
  return undefined;
}
