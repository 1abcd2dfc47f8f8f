import { formatReference, parseReference } from '../oci/reference.ts';
import type { TextProblem } from './problem.ts';
import type { StackFunction } from './stack.ts';

/**
 * Functions that are built from different sources into one image: the last push would win, and all of them would run its
 * code. The same sources under two names (another environment, say) are fine. `offsetOf` is where a function names its image.
 */
export function imageClashes(
  functions: readonly StackFunction[],
  offsetOf: (name: string) => number,
): readonly TextProblem[] {
  const first = new Map<string, StackFunction>();
  return functions.flatMap((declared): TextProblem[] => {
    const image = canonical(declared.image);
    if (declared.skipBuild || image === undefined) return [];
    const earlier = first.get(image);
    if (earlier === undefined) {
      first.set(image, declared);
      return [];
    }
    if (earlier.handler === declared.handler && earlier.language === declared.language) return [];
    return [
      {
        offset: offsetOf(declared.name),
        path: `functions.${declared.name}.image`,
        message: `${declared.image} is the image of ${earlier.name} too, which is built from another folder: one would overwrite the other`,
        hint: `name it for the function, as in ${declared.image.replace(/[^/:@]+(?=(?::[^/]*)?(?:@.*)?$)/, declared.name)}`,
      },
    ];
  });
}

/** One spelling of a reference; undefined for what is none (reported elsewhere). */
function canonical(image: string): string | undefined {
  try {
    return formatReference(parseReference(image));
  } catch {
    return undefined; // The schema has its own sentence about it.
  }
}
