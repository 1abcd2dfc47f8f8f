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

/** Manifests, indexes and configurations, whatever they say they are. */
export const manifests = defineTarget<Document>({
  name: 'manifests',
  inputs: fc.record({
    bytes: fc.oneof(
      { weight: 4, arbitrary: json },
      { weight: 1, arbitrary: mutatedBytes(samples.map((sample) => Buffer.from(JSON.stringify(sample)))) },
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
