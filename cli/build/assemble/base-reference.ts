import { normalisePlatform, type Platform } from '../../oci/platform.ts';
import type { DockerfileFacts } from '../dockerfile.ts';

/** What the last stage is made from on one platform: `names` are all that it is called on the way, stages first; the last is `scratch` or an image. */
export interface BaseReference {
  readonly names: readonly string[];
}

/**
 * Follows the FROM lines from the last stage up, with the platform's values in the place of TARGETARCH and the like.
 * Undefined where a stage on the way does something itself: then the base is not what it is made from.
 */
export function followBase({ stages }: Pick<DockerfileFacts, 'stages'>, platform: Platform): BaseReference | undefined {
  const names: string[] = [];
  let position = stages.length - 1;
  for (;;) {
    const stage = stages[position];
    if (stage === undefined) return undefined;
    if (names.length > 0 && stage.instructions.length > 0) return undefined;
    const name = fillTarget(stage.from, platform);
    names.push(name);
    const parent = stages.slice(0, position).findLastIndex((other) => other.name === name.toLowerCase());
    if (parent < 0) return { names };
    position = parent;
  }
}

/** The values that BuildKit gives to the automatic platform ARGs (docs.docker.com/reference/dockerfile, "Automatic platform ARGs in the global scope"). */
function fillTarget(text: string, platform: Platform): string {
  const { os, architecture, variant = '' } = normalisePlatform(platform);
  const values: Readonly<Record<string, string>> = {
    TARGETPLATFORM: [os, architecture, variant].filter(Boolean).join('/'),
    TARGETOS: os,
    TARGETARCH: architecture,
    TARGETVARIANT: variant,
  };
  return text.replace(
    /\$(?:(\w+)|\{(\w+)\})/g,
    (whole, bare?: string, braced?: string) => values[bare ?? braced ?? ''] ?? whole,
  );
}
