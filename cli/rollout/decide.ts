import type { FunctionStatus } from '../openfaas/wire.ts';
import { identitiesOf } from './identities.ts';

/** What is wanted of a function, as far as deciding needs it. */
export interface Wanted {
  readonly revision: string;
  /** The reference that would be sent. */
  readonly image: string;
  /** False where the digest of the image is not known: the same reference may hold other content. */
  readonly contentKnown: boolean;
}

/** What to do with a function, and why in a few words. `deploy`: the id of the running deployment, which is to be found answering. */
export type Decision =
  | { readonly action: 'create'; readonly why: string }
  | { readonly action: 'update'; readonly why: string }
  | { readonly action: 'unchanged'; readonly why: string; readonly deploy: string };

/**
 * Compares what runs with what is wanted. Only a function that bantam deployed with the same revision, and whose image nobody
 * has changed since, is unchanged: an identical update would still restart every replica on faas-netes.
 */
export function decide(current: FunctionStatus | undefined, wanted: Wanted): Decision {
  if (current === undefined) return { action: 'create', why: 'the gateway does not know it' };
  const { revision, deploy } = identitiesOf(current);
  if (revision === undefined || deploy === undefined)
    return { action: 'update', why: 'it was deployed by something else' };
  if (revision !== wanted.revision) return { action: 'update', why: `revision ${revision.slice(0, 8)} runs` };
  if (!wanted.contentKnown) return { action: 'update', why: 'the digest of its image is not known' };
  if (contentOf(current.image) !== contentOf(wanted.image))
    return { action: 'update', why: `somebody changed its image to ${current.image}` };
  return { action: 'unchanged', why: 'the same revision runs', deploy };
}

/** The digest of a reference if it has one (the tag beside it is decoration), else all of it. */
function contentOf(reference: string): string {
  return /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1] ?? reference;
}
