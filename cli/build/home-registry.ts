import { isOfficial, parseReference } from '../oci/reference.ts';
import type { Tagger } from './tag.ts';

/**
 * Gives images without a registry of their own that of a local gateway: `hello:latest` becomes `127.0.0.1:8585/hello:latest`.
 * Others go where they say. What is not built keeps its image: it is meant as it stands (`image: nginx`).
 */
export function withHomeRegistry(tag: Tagger, registry: string | undefined): Tagger {
  if (registry === undefined) return tag;
  return async (declared) => {
    const tagged = await tag(declared);
    if (tagged.skipBuild || !isOfficial(parseReference(tagged.image))) return tagged;
    return { ...tagged, image: `${registry}/${tagged.image.replace(/^(?:docker\.io\/)?(?:library\/)?/, '')}` };
  };
}
