import fc from 'fast-check';
import { decodeConfig } from '../../../cli/oci/config.ts';
import { decodeManifest } from '../../../cli/oci/manifest.ts';
import { mediaTypes } from '../../../cli/oci/media-types.ts';
import { formatPlatform } from '../../../cli/oci/platform.ts';
import { measureImage } from '../../../cli/oci/size.ts';
import { fateAtOnce } from '../fate.ts';
import { mutatedBytes, mutatedJson, oddText, writtenJson } from '../mutate.ts';
import { defineTarget } from '../target.ts';
import { sampleConfig, sampleIndex, sampleManifest } from './image-samples.ts';

interface Document {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

const samples = [sampleIndex, sampleManifest, sampleConfig];
const json = writtenJson(mutatedJson(samples)).map((text) => Buffer.from(text));

/** As much as a registry or a layout may send (the readers refuse more), of one small thing: half a million empty objects, or a shaft. */
const largest = 4 * 1024 * 1024;
const heaps = fc
  .record({
    before: fc.constantFrom(
      '{"schemaVersion":2,"manifests":[',
      '{"schemaVersion":2,"layers":[',
      '{"schemaVersion":2,"config":{},"layers":[{"annotations":',
      '{"config":{"Env":[',
      '{"history":[',
      '{"rootfs":{"diff_ids":[',
      '[',
      '',
    ),
    unit: fc.constantFrom(
      '{},',
      '1,',
      '[',
      '"",',
      '{"":',
      '{"digest":"","size":1},',
      '"\\\\",',
      'x',
      '\u00e9',
      '{"platform":{}},',
    ),
    length: fc.oneof(fc.nat({ max: largest }), fc.nat({ max: 200_000 })),
    after: fc.constantFrom('0]}', ']}', '', '}'),
  })
  .map(({ before, unit, length, after }) =>
    Buffer.from(`${before}${unit.repeat(Math.floor(length / Buffer.byteLength(unit)))}${after}`).subarray(0, largest),
  );

/** Manifests, indexes and configurations, whatever they say they are. */
export const manifests = defineTarget<Document>({
  name: 'manifests',
  inputs: fc.record({
    bytes: fc.oneof(
      { weight: 12, arbitrary: json },
      { weight: 1, arbitrary: heaps },
      { weight: 3, arbitrary: mutatedBytes(samples.map((sample) => Buffer.from(JSON.stringify(sample)))) },
    ),
    mediaType: fc.oneof(fc.constantFrom('', 'application/json', ...Object.values(mediaTypes)), oddText),
  }),
  show: ({ bytes, mediaType }) => JSON.stringify({ mediaType, bytes: Buffer.from(bytes).toString('latin1') }),
  attempt({ bytes, mediaType }) {
    const asConfig = fateAtOnce(() => {
      const config = decodeConfig(bytes, 'configuration');
      formatPlatform(config.platform);
      const manifest = decodeManifest(Buffer.from(JSON.stringify(sampleManifest)), '', 'manifest');
      if (manifest.kind === 'image') measureImage(manifest, config);
    });
    const asManifest = fateAtOnce(() => {
      const manifest = decodeManifest(bytes, mediaType, 'manifest of fuzz');
      if (manifest.kind === 'index') {
        for (const { platform } of manifest.entries.map(({ descriptor }) => descriptor))
          if (platform !== undefined) formatPlatform(platform);
      } else measureImage(manifest, decodeConfig(Buffer.from(JSON.stringify(sampleConfig)), 'configuration'));
    });
    return asManifest === 'accepted' ? asManifest : asConfig;
  },
});
