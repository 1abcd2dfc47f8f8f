import fc from 'fast-check';
import { UserError } from '../../../cli/errors.ts';
import { sha256Digest } from '../../../cli/oci/digest.ts';
import { mediaTypes } from '../../../cli/oci/media-types.ts';
import { nodeKinds } from '../../../cli/oci/node.ts';
import { parseReference } from '../../../cli/oci/reference.ts';
import { runs } from '../../../cli/oci/runs.ts';
import { readImage } from '../../../cli/registry/read-image.ts';
import type { ImageReader } from '../../../cli/registry/registry.ts';
import { elfMachines, makeElf, packLayer, type TestEntry } from '../../oci/image-parts.ts';
import { fateOf } from '../fate.ts';
import { mutatedJson, oddText } from '../mutate.ts';
import { defineTarget } from '../target.ts';
import { sampleConfig } from './image-samples.ts';

const paths = [
  'bin',
  'bin/sh',
  'usr',
  'usr/bin',
  'usr/bin/env',
  'usr/bin/node',
  'app',
  'app/start',
  'entry.sh',
  'a',
  'a/b',
  'lib/ld-musl-armhf.so.1',
  '../x',
  '.wh.bin',
  'usr/.wh..wh..opq',
];
const targets = [
  ...paths,
  '/',
  '/bin',
  '..',
  '../..',
  '../../../etc/passwd',
  '/usr/bin/env',
  'a',
  '/a/b',
  './',
  'usr/../usr/bin',
  '',
];
const scripts = [
  '#!/bin/sh\nexec "$@"\n',
  '#!/usr/bin/env node\n',
  '#!a\n',
  '#!\n',
  `#!${'x'.repeat(300)}\n`,
  '#!/bin/sh\nexec /app/start --x\n',
  '#!/entry.sh\n',
  '',
];
const programs = Object.values(elfMachines).map((machine) => makeElf(machine, { size: 300 }));

const entry: fc.Arbitrary<TestEntry> = fc.oneof(
  fc.record({
    name: fc.constantFrom(...paths),
    type: fc.constantFrom('symlink' as const, 'link' as const),
    linkname: fc.constantFrom(...targets),
  }),
  fc.record({
    name: fc.constantFrom(...paths),
    content: fc.constantFrom<string | Uint8Array>(...scripts, ...programs),
    mode: fc.constantFrom(0o755, 0o644, 0o700, 0),
  }),
  fc.record({ name: fc.constantFrom(...paths), type: fc.constant('directory' as const) }),
);

const word = fc.oneof(
  fc.constantFrom(
    '/entry.sh',
    'node',
    'sh',
    '-c',
    '/app/start',
    'env',
    'exec node x',
    '/bin/sh',
    './start',
    'tini',
    '--',
    'su-exec',
  ),
  oddText,
);

const started = fc.record({
  Entrypoint: fc.option(fc.array(word, { maxLength: 4 })),
  Cmd: fc.option(fc.array(word, { maxLength: 4 })),
  Env: fc.constantFrom<unknown>(['PATH=/usr/bin:/bin'], ['PATH=:a::/app'], [], null, ['PATH'], ['=']),
  WorkingDir: fc.constantFrom<unknown>('', '/', '/app', 'app', '../..', null),
  User: fc.constantFrom<unknown>('', '1000', 'root:x', 0),
});

interface Image {
  readonly layers: readonly (readonly TestEntry[])[];
  readonly entries: readonly { readonly platform: unknown; readonly config: unknown; readonly edit: unknown }[];
  readonly index: boolean;
  readonly lies: readonly number[];
}

const platform = fc.oneof(
  fc.record({
    os: fc.constantFrom('linux', 'windows', ''),
    architecture: fc.constantFrom('amd64', 'arm64', 'arm', '386', 'unknown', ''),
    variant: fc.constantFrom('', 'v6', 'v7', 'v8', 'v9'),
  }),
  fc.constantFrom<unknown>(null, {}, 'linux/arm64', { os: 'linux', architecture: '__proto__' }),
);

/** Whole images, their digests right, their content anything: from the index to the program that starts, for every kind of node. */
export const image = defineTarget<Image>({
  name: 'image',
  inputs: fc.record({
    layers: fc.array(fc.array(entry, { maxLength: 8 }), { minLength: 1, maxLength: 3 }),
    entries: fc.array(
      fc.record({
        platform,
        config: fc.oneof(
          { weight: 4, arbitrary: started },
          { weight: 1, arbitrary: mutatedJson([sampleConfig.config]) },
        ),
        edit: mutatedJson([{}], 2),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    index: fc.boolean(),
    lies: fc.array(fc.nat({ max: 30 }), { maxLength: 2 }),
  }),
  async attempt(input) {
    return await fateOf(async () => {
      const { reader, root } = await store(input);
      const reference = { ...parseReference('registry.lan:5000/fuzz/image:1'), digest: root };
      const { image: read } = await readImage(reader, reference, { keepFailures: input.lies.length % 2 === 1 });
      for (const node of nodeKinds) {
        const { answer, reason } = runs(read, node);
        if (!['runs', 'does not', 'unknown'].includes(answer)) throw new Error(`the answer ${String(answer)}`);
        if (/undefined|\[object/.test(reason) && !/["/]/.test(reason)) throw new Error(`the reason "${reason}"`);
      }
    });
  },
});

/** The image as a registry has it. A lie is a document that is not what its digest says, or not there. */
async function store({ layers, entries, index, lies }: Image): Promise<{ reader: ImageReader; root: string }> {
  const blobs = new Map<string, { readonly bytes: Uint8Array; readonly mediaType: string }>();
  let number = 0;
  const put = (bytes: Uint8Array, mediaType: string): { digest: string; size: number; mediaType: string } => {
    const digest = sha256Digest(bytes);
    number += 1;
    if (!lies.includes(number)) blobs.set(digest, { bytes, mediaType });
    else if (number % 2 === 0) blobs.set(digest, { bytes: bytes.subarray(0, bytes.length >> 1), mediaType });
    return { digest, size: bytes.length, mediaType };
  };
  const json = (value: unknown, mediaType: string) => put(Buffer.from(JSON.stringify(value) ?? 'null'), mediaType);
  const packed: { digest: string; size: number; mediaType: string }[] = [];
  for (const each of layers)
    packed.push(put(await packLayer(each, each.length % 2 === 0 ? 'gzip' : 'none'), mediaTypes.ociLayerGzip));
  const images = entries.map(({ platform: said, config, edit }) => {
    const own = typeof said === 'object' && said !== null ? said : {};
    const made = json(
      { os: 'linux', architecture: 'arm64', ...own, config, rootfs: { type: 'layers', diff_ids: [] } },
      mediaTypes.ociConfig,
    );
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: made, layers: packed };
    return {
      ...json({ ...manifest, ...(typeof edit === 'object' ? edit : {}) }, mediaTypes.ociManifest),
      platform: said,
    };
  });
  const root = index
    ? json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: images }, mediaTypes.ociIndex).digest
    : (images[0]?.digest ?? '');
  const find = (digest: string) => {
    const found = blobs.get(digest);
    if (found === undefined) throw new UserError('BAN-E303', `no ${digest}`);
    return found;
  };
  return {
    root,
    reader: {
      async manifest({ digest = '' }) {
        const { bytes, mediaType } = find(digest);
        return { digest, mediaType, bytes };
      },
      async blob(_reference, digest) {
        return new Blob([Buffer.from(find(digest).bytes)]).stream() as ReadableStream<Uint8Array>;
      },
    },
  };
}
