/** What is wrong with an image that does not run, as far as it decides what to do about it. */
export type Fault =
  /** Its index has nothing that the node takes. */
  | 'platform'
  /** A program, or its dynamic loader, is for another machine. */
  | 'machine'
  /** 32-bit ARM code that is too new, or too old. */
  | 'version'
  /** A program's dynamic loader is not there. */
  | 'loader'
  /** What is to be started is missing, not executable, or no program. */
  | 'start'
  /** A program is laid out for smaller memory pages. */
  | 'pages'
  /** Its configuration is for something else. */
  | 'configuration'
  /** Manifest and configuration do not fit each other. */
  | 'layers'
  /** It was built without its base image, and says so. */
  | 'base'
  /** It is something else that lies in a registry. */
  | 'no image';

const advice: Readonly<Record<Fault, string>> = {
  platform: 'build it for that platform too (--platform)',
  machine:
    "the build stage must compile for TARGETARCH, and each platform needs a base image of its own: look at the Dockerfile's FROM and COPY lines",
  version:
    'compile for the ARM version that the node has: GOARM=6 for Go, a base image for arm/v6 and -march=armv6 for C',
  loader:
    'build and run on the same kind of base image (both glibc or both musl), copy only what is of the same platform, or link statically (Go: CGO_ENABLED=0)',
  start:
    "look at the Dockerfile's ENTRYPOINT and CMD, at the COPY that brings what they name and its mode (COPY --chmod=755), and at the first line of scripts",
  pages: 'link it for large memory pages: -Wl,-z,max-page-size=65536',
  configuration: "the Dockerfile's last FROM must not fix a platform: leave its --platform out",
  layers: 'build it again; if it stays so, whatever repacks the image on its way breaks it',
  base: 'build it again where its base image can be had; as it is, it runs only on the process provider of bantam local up',
  'no image': 'name an image of a container',
};

/** What to do about faults, each advice once. */
export function adviseOn(faults: Iterable<Fault>): string {
  return [...new Set(faults)].map((fault) => advice[fault]).join('; ');
}
