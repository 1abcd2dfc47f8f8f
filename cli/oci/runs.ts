import { entryTaken, platformsOffered } from './containerd.ts';
import type { Fault } from './fault.ts';
import { type Answer, type ContentVerdict, judgeProgram } from './judge-program.ts';
import type { Node } from './node.ts';
import { formatPlatform, normalisePlatform, samePlatform } from './platform.ts';
import { printable } from './printable.ts';
import type { EntryContent, ImageEntry, ReadImage } from './read-image.ts';

/** Whether an image runs on a node, and why, in one sentence without a full stop. */
export interface RunVerdict {
  readonly answer: Answer;
  readonly reason: string;
  /** The entry of the image that the node takes; undefined if it takes none or nobody knows which. */
  readonly takes: ImageEntry | undefined;
  /** Something that decides it could not be read: the answer is `unknown` for that, not for lack of proof. */
  readonly unread: boolean;
  /** With `does not`: what is wrong, for advice. */
  readonly fault?: Fault;
}

/**
 * Whether an image runs on a node: which entry containerd takes there, and whether the kernel starts what that entry really holds.
 * The one verdict and the one wording of build, deploy, `image check` and cluster checks. Libraries that a program loads are not looked at.
 */
export function runs(image: ReadImage, node: Node): RunVerdict {
  const verdict = decide(image, node);
  return { ...verdict, reason: printable(verdict.reason) };
}

function decide(image: ReadImage, node: Node): RunVerdict {
  if (node.oneOf !== undefined) {
    const verdicts = node.oneOf.map((each) => ({ node: each, verdict: decide(image, each) }));
    const unread = verdicts.some(({ verdict }) => verdict.unread);
    return { takes: undefined, ...agree(verdicts), unread };
  }
  const taken = entryTaken(image, node);
  if (taken.kind === 'none') {
    const offered = [...new Set(platformsOffered(image))].join(', ') || 'no image of a platform';
    return {
      answer: 'does not',
      reason: `its index has ${offered}, nothing that ${formatPlatform(node.asks)} takes`,
      fault: 'platform',
      takes: undefined,
      unread: false,
    };
  }
  const { entry } = taken;
  const unread = entry.content.kind === 'unread';
  if (taken.kind === 'undecided')
    return { answer: 'unknown', reason: explainUnread(entry.content), takes: undefined, unread };
  const verdict = judge(entry.content, node);
  return { ...verdict, reason: `${describeFallback(image, entry, node)}${verdict.reason}`, takes: entry, unread };
}

/** The same for one entry, whatever the index says: what a build asks of each platform it made, with `nodeOf(platform)` as the node. */
export function judgeContent(content: EntryContent, node: Node): ContentVerdict {
  const verdict =
    node.oneOf === undefined
      ? judge(content, node)
      : agree(node.oneOf.map((each) => ({ node: each, verdict: judge(content, each) })));
  return { ...verdict, reason: printable(verdict.reason) };
}

function judge(content: EntryContent, node: Node): ContentVerdict {
  switch (content.kind) {
    case 'image':
      return judgeProgram(content, node);
    case 'no image':
      return {
        answer: 'does not',
        fault: 'no image',
        reason: `it is no image but ${content.what || 'something else'}`,
      };
    case 'index':
      return { answer: 'unknown', reason: 'it is an index within the index' };
    case 'unread':
      return { answer: 'unknown', reason: explainUnread(content) };
  }
}

function explainUnread(content: EntryContent): string {
  return content.kind === 'unread' ? content.reason : 'it was not read';
}

/** Says so where a node takes something else than what it asks for first. */
function describeFallback({ isIndex }: ReadImage, { platform, content }: ImageEntry, node: Node): string {
  if (isIndex && platform !== undefined)
    return samePlatform(platform, node.asks) ? '' : `it takes ${formatPlatform(normalisePlatform(platform))}: `;
  const said = content.kind === 'image' ? normalisePlatform(content.config.platform) : undefined;
  if (isIndex || said === undefined || said.architecture === '' || samePlatform(said, node.asks)) return '';
  return `it is a single image for ${formatPlatform(said)}, which every node takes: `;
}

/** What holds on each of several kinds of node holds on a node that is one of them. */
function agree<Verdict extends ContentVerdict>(
  verdicts: readonly { readonly node: Node; readonly verdict: Verdict }[],
): Verdict | ContentVerdict {
  const answers = new Set(verdicts.map(({ verdict }) => verdict.answer));
  const [first] = verdicts;
  if (first !== undefined && answers.size === 1) return first.verdict;
  const parts = verdicts.map(({ node, verdict }) => `${node.name}: ${verdict.answer}`);
  const doubt = verdicts.find(({ verdict }) => verdict.answer !== 'runs')?.verdict.reason ?? '';
  return { answer: 'unknown', reason: `it depends on the node (${parts.join(', ')}): ${doubt}` };
}
