import pLimit, { type LimitFunction } from 'p-limit';
import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { Node } from '../oci/node.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { type CheckedImage, type CheckOptions, checkImage } from './check.ts';
import type { ImageReader } from './registry.ts';

/** How many images of one registry are read at a time. */
const atOnce = 6;

/**
 * Checks many images, in the order in which they were given. Each registry has a queue of its own, so that one that does not answer holds up nobody;
 * once it has left a question unanswered (or wants no more of them) and has never answered one, the rest of its queue is not asked.
 */
export async function checkImages(
  reader: ImageReader,
  images: readonly { readonly reference: Reference; readonly nodes: readonly Node[] }[],
  options: CheckOptions & { readonly report: Report },
): Promise<CheckedImage[]> {
  const queues = new Map<
    string,
    { readonly limit: LimitFunction; answered: boolean; failure: UserError | undefined }
  >();
  const jobs = images.map(({ reference, nodes }) => {
    const queue = queues.get(reference.registry) ?? { limit: pLimit(atOnce), answered: false, failure: undefined };
    queues.set(reference.registry, queue);
    const about = formatReference(reference);
    return queue.limit(async () => {
      options.report({ type: 'progress', about, text: 'reading', minor: true });
      const { failure } = queue;
      const asked = failure !== undefined && (isLimit(failure) || !queue.answered) ? readerThatFails(failure) : reader;
      const checked = await checkImage(asked, reference, nodes, options);
      if (checked.failure?.code === 'BAN-E301' || isLimit(checked.failure)) queue.failure ??= checked.failure;
      else queue.answered = true;
      options.report({ type: 'ended', about });
      return checked;
    });
  });
  const settled = await Promise.allSettled(jobs);
  return settled.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
}

function isLimit(failure: UserError | undefined): boolean {
  return failure?.code === 'BAN-E308';
}

function readerThatFails(failure: UserError): ImageReader {
  const fail = async (): Promise<never> => {
    throw new UserError(failure.code, `it was not asked for: ${failure.message}`, {
      hint: failure.hint,
      cause: failure,
    });
  };
  return { manifest: fail, blob: fail, digestOf: fail };
}
