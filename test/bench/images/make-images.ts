import { randomBytes } from 'node:crypto';
import { defaultPlatforms, formatPlatform } from '../../../cli/oci/platform.ts';
import { parseReference } from '../../../cli/oci/reference.ts';
import { openRegistry } from '../../../cli/registry/client.ts';
import { pushImage } from '../../../cli/registry/push.ts';
import type { ImageReader } from '../../../cli/registry/registry.ts';
import { elfMachines, makeElf, packLayer } from '../../oci/image-parts.ts';
import { keepIndex, type Store } from '../../registry/stored-image.ts';

/** Where the programs of every fifth image are amd64's whatever its index says: what a forgotten TARGETARCH makes. */
const lieEvery = 5;

/**
 * Fills a registry with images shaped like functions on three platforms: a base of some MB that all share, and two small layers of their own.
 * Returns their references, and how many verdicts for amd64, arm64 and arm/v7 are "does not".
 */
export async function makeImages(
  registry: string,
  count: number,
  signal: AbortSignal,
): Promise<{ references: string[]; wrong: number }> {
  const store: Store = { blobs: new Map() };
  const client = openRegistry({ credentials: { find: async () => undefined }, report: () => undefined });
  const bases = new Map(
    await Promise.all(
      defaultPlatforms.map(async (platform) => {
        const machine = elfMachines[platform.architecture as keyof typeof elfMachines];
        const layer = await packLayer([
          { name: 'usr/bin/tini', content: makeElf(machine, { size: 20_000 }) },
          { name: 'usr/lib/ballast-1', mode: 0o644, content: randomBytes(3_000_000) },
          { name: 'usr/bin/node', content: makeElf(machine, { size: 500_000 }) },
          { name: 'usr/lib/ballast-2', mode: 0o644, content: randomBytes(6_000_000) },
        ]);
        return [formatPlatform(platform), layer] as const;
      }),
    ),
  );
  const references: string[] = [];
  let wrong = 0;
  for (let number = 1; number <= count; number += 1) {
    const lies = number % lieEvery === 0;
    if (lies) wrong += defaultPlatforms.length - 1;
    const own = await packLayer([{ name: 'app/index.js', content: `#!/usr/bin/node\n// ${number}\n` }]);
    const ballast = await packLayer([{ name: 'app/data', mode: 0o644, content: randomBytes(200_000) }]);
    const root = keepIndex(
      store,
      defaultPlatforms.map((platform) => ({
        platform,
        config: { Entrypoint: ['/usr/bin/tini', '--', '/app/index.js'], Env: ['PATH=/usr/bin'] },
        layers: [bases.get(lies ? 'linux/amd64' : formatPlatform(platform)) ?? own, own, ballast],
      })),
    );
    const reference = `${registry}/bench/fn-${number}:1.0`;
    await pushImage(readerOf(store), client, parseReference(reference), root.digest, { ledger: noLedger, signal });
    references.push(reference);
  }
  return { references, wrong };
}

const noLedger = {
  placeOf: () => undefined,
  add: () => undefined,
  inTurn: (_registry: string, _digest: string, upload: () => Promise<void>) => upload(),
};

function readerOf({ blobs }: Store): ImageReader {
  const find = (digest: string) => {
    const found = blobs.get(digest);
    if (found === undefined) throw new Error(`${digest} was not made`);
    return found;
  };
  return {
    manifest: async ({ digest = '' }) => ({ digest, ...find(digest) }),
    blob: async (_reference, digest) => ReadableStream.from([find(digest).bytes]),
  };
}
