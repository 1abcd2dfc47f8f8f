import type { Block } from '../command.ts';
import { formatPlatform } from '../oci/platform.ts';
import type { CheckedImage, NodeVerdict } from '../registry/check.ts';
import type { Traffic } from '../registry/http.ts';
import { formatBytes } from './describe-outcome.ts';

/** What `image check` found: for a pipe a row per image and node, for a terminal the same under each image's name. */
export function describeCheck(images: readonly CheckedImage[], read: Traffic): Block[] {
  const rows = images.flatMap(({ image, nodes }) => nodes.map((each) => [image, ...cells(each)]));
  return [
    { kind: 'table', columns: ['image', 'node', 'verdict', 'takes', 'why'], rows, only: 'pipe' },
    ...images.flatMap((image) => ofImage(image)),
    { kind: 'line', text: summary(images, read), only: 'terminal' },
  ];
}

function ofImage({ image, says, nodes }: CheckedImage): Block[] {
  return [
    { kind: 'line', text: image, only: 'terminal' },
    ...(says.length === 0
      ? []
      : [{ kind: 'line' as const, text: `  says it is for ${says.join(', ')}`, only: 'terminal' as const }]),
    {
      kind: 'table',
      columns: [],
      rows: nodes.map(({ node, answer, reason }) => [`  ${node}`, answer, reason]),
      only: 'terminal',
      wrapLast: true,
    },
    { kind: 'line', text: '', only: 'terminal' },
  ];
}

function cells({ node, answer, takes, reason }: NodeVerdict): string[] {
  return [node, answer, takes === undefined ? '' : formatPlatform(takes), reason];
}

function summary(images: readonly CheckedImage[], read: Traffic): string {
  const verdicts = images.flatMap(({ nodes }) => nodes);
  const count = (wanted: (verdict: NodeVerdict) => boolean) => verdicts.filter(wanted).length;
  const parts = [
    [count(({ answer }) => answer === 'runs'), 'run'],
    [count(({ answer }) => answer === 'does not'), 'do not'],
    [count(({ answer, unread }) => answer === 'unknown' && !unread), 'unknown'],
    [count(({ unread }) => unread), 'not read'],
  ] as const;
  const told = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  const size =
    read.requests === 0
      ? 'nothing was read'
      : `${read.requests} request${read.requests === 1 ? '' : 's'}, ${formatBytes(read.bytes)} read`;
  return `${images.length} image${images.length === 1 ? '' : 's'}: ${told.join(', ') || 'no nodes'} (${size})`;
}
