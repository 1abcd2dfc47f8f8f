import type { CallView } from '../messages.ts';
import { layOutChart, type Mark } from './chart.ts';
import { drawing } from './element.ts';
import { formatDuration, formatTime, visible } from './words.ts';

const margin = { left: 60, right: 10, top: 8, bottom: 22 };

/** The chart of some calls, `width` by `height` pixels; `description` is what it says to those who do not see it. */
export function drawChart(
  calls: readonly CallView[],
  width: number,
  height: number,
  description: string,
): SVGSVGElement {
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  const { marks, rows, from, to } = layOutChart(calls, inner.width, inner.height);
  const lines = rows.flatMap(({ at, text }) => [
    drawing('line', { x1: 0, x2: inner.width, y1: at, y2: at, class: 'grid' }),
    drawing('text', { x: -8, y: at + 4, 'text-anchor': 'end' }, text),
  ]);
  const ends = [
    drawing('text', { x: 0, y: inner.height + 18 }, formatTime(from)),
    drawing('text', { x: inner.width, y: inner.height + 18, 'text-anchor': 'end' }, formatTime(to)),
  ];
  const plot = drawing(
    'g',
    { transform: `translate(${margin.left} ${margin.top})` },
    ...lines,
    ...ends,
    ...marks.map(drawMark),
  );
  return drawing(
    'svg',
    {
      role: 'img',
      'aria-label': `How long the last calls took: ${description}`,
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
    },
    plot,
  );
}

function drawMark({ call, outcome, x, y }: Mark): SVGElement {
  const words = `${visible(call.method)} ${visible(call.path)} of ${visible(call.function)}: ${call.status} after ${formatDuration(call.milliseconds)}`;
  const group = drawing(
    'g',
    { class: `mark ${outcome}`, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` },
    drawing('title', {}, words),
  );
  if (outcome === 'answered') group.append(drawing('circle', { r: 3.5 }));
  else group.append(drawing('path', { d: outcome === 'refused' ? 'M0-5 5 0 0 5-5 0z' : 'M-4-4 4 4M4-4-4 4' }));
  return group;
}
