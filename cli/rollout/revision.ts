import { createHash } from 'node:crypto';
import { parseReference } from '../oci/reference.ts';
import type { StackFunction } from '../stack/stack.ts';
import { type DeployedImage, describeSettings } from './deployment.ts';

/**
 * The revision of a function: 32 hexadecimal digits of a sha256 over image content (its digest, not its tag) and settings.
 * It holds neither itself nor the deploy id, and of secrets the names only. Key order and the order of sets do not matter.
 */
export function revisionOf(fn: StackFunction, image: Pick<DeployedImage, 'reference' | 'digest'>): string {
  const content = image.digest ?? parseReference(image.reference).digest ?? image.reference;
  return createHash('sha256')
    .update(canonical({ format: 1, ...describeSettings(fn, content) }))
    .digest('hex')
    .slice(0, 32);
}

/** A revision as it is shown: its first eight digits. */
export function shortRevision(revision: string): string {
  return revision.slice(0, 8);
}

/** JSON with sorted keys and without undefined members: equal values give equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)))
      : part,
  );
}
