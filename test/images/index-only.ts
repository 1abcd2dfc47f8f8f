import type { Node } from '../../cli/oci/node.ts';
import { formatPlatform, normalisePlatform } from '../../cli/oci/platform.ts';
import type { ReadImage } from '../../cli/oci/read-image.ts';

/** The verdict of tools that read platforms only: an entry of the node's own platform, or a single image whose configuration says it. */
export function believeIndex({ isIndex, entries }: ReadImage, node: Node): 'runs' | 'does not' {
  const said = entries.flatMap(({ platform, content }) =>
    isIndex ? (platform ?? []) : content.kind === 'image' ? content.config.platform : [],
  );
  const wanted = formatPlatform(normalisePlatform(node.asks));
  return said.some((platform) => formatPlatform(normalisePlatform(platform)) === wanted) ? 'runs' : 'does not';
}
