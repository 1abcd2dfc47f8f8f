import type { CallView } from '../messages.ts';
import { drawChart } from './call-chart.ts';
import { outcomeOf, summarise } from './chart.ts';
import { element, setText } from './element.ts';
import { addressOf } from './route.ts';
import { formatBytes, formatDuration, formatTime, visible } from './words.ts';

const chartHeight = 150;
/** Of the calls, so many stand in the table. */
const listed = 50;
const numbers = ['Took', 'Received', 'Sent'];
const marks = { answered: '', refused: ' ◇', failed: ' ✕' } as const;

/** The last calls: a chart of how long they took, and a table of the same. */
export class CallList {
  readonly node: HTMLElement;
  readonly #summary = element('p', { class: 'muted' });
  readonly #chart = element('div', { class: 'chart' });
  readonly #legend = legend();
  readonly #details: HTMLDetailsElement;
  readonly #body = element('tbody');
  readonly #withFunction: boolean;
  #calls: readonly CallView[] = [];
  #drawn = '';

  /** `whose` is a function's name, or "all functions". */
  constructor(whose: string) {
    this.#withFunction = whose === 'all functions';
    const title = element('h2', { id: 'calls-title' }, 'Last calls');
    const headings = [
      'Time',
      ...(this.#withFunction ? ['Function'] : []),
      'Request',
      'Status',
      'Took',
      'Received',
      'Sent',
    ];
    const table = element(
      'table',
      { class: 'calls' },
      element('caption', {}, `The newest calls of ${whose}, newest first; at most ${listed}`),
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          ...headings.map((text) =>
            element('th', { scope: 'col', class: numbers.includes(text) ? 'number' : undefined }, text),
          ),
        ),
      ),
      this.#body,
    );
    this.#details = element(
      'details',
      {},
      element('summary', {}, 'As a table'),
      element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table of the last calls' }, table),
    );
    this.#details.addEventListener('toggle', () => this.#fillTable());
    this.node = element(
      'section',
      { class: 'card', 'aria-labelledby': 'calls-title' },
      title,
      this.#summary,
      this.#chart,
      this.#legend,
      this.#details,
    );
    new ResizeObserver(() => this.#draw()).observe(this.#chart);
  }

  update(calls: readonly CallView[], running: number): void {
    const summary = summarise(calls);
    const going = running === 0 ? '' : ` · ${running} under way`;
    setText(this.#summary, summary === undefined ? `None yet.${going}` : `${describe(calls)}${going}`);
    for (const part of [this.#chart, this.#legend, this.#details]) part.hidden = summary === undefined;
    if (calls === this.#calls) return;
    this.#calls = calls;
    this.#draw();
    this.#fillTable();
  }

  #draw(): void {
    const width = Math.floor(this.#chart.clientWidth);
    const state = `${width} ${this.#calls.length} ${this.#calls.at(-1)?.sequence}`;
    if (width === 0 || this.#calls.length === 0 || state === this.#drawn) return;
    this.#drawn = state;
    this.#chart.replaceChildren(drawChart(this.#calls, width, chartHeight, describe(this.#calls)));
  }

  #fillTable(): void {
    if (!this.#details.open) return;
    this.#body.replaceChildren(
      ...this.#calls
        .slice(-listed)
        .reverse()
        .map((call) => this.#row(call)),
    );
  }

  #row(call: CallView): HTMLTableRowElement {
    const outcome = outcomeOf(call);
    const address = addressOf({ kind: 'function', name: call.function });
    const ending = call.ending === 'answered' ? '' : ` ${call.ending}`;
    return element(
      'tr',
      {},
      element('td', {}, formatTime(call.startedAt, true)),
      this.#withFunction ? element('td', {}, element('a', { href: address }, visible(call.function))) : undefined,
      element(
        'td',
        { class: 'code' },
        `${visible(call.method)} ${visible(call.path)}${call.asynchronous ? ' (queued)' : ''}`,
      ),
      element('td', { class: `outcome ${outcome}` }, `${call.status}${marks[outcome]}${ending}`),
      element('td', { class: 'number' }, formatDuration(call.milliseconds)),
      element('td', { class: 'number' }, formatBytes(call.requestBytes)),
      element('td', { class: 'number' }, formatBytes(call.answerBytes)),
    );
  }
}

/** The calls in one sentence, for eyes and for screen readers. */
function describe(calls: readonly CallView[]): string {
  const summary = summarise(calls);
  if (summary === undefined) return '';
  const { median, slowest, outcomes } = summary;
  const count = calls.length === 1 ? '1 call' : `${calls.length} calls`;
  const bad = [
    ...(outcomes.refused === 0 ? [] : [`${outcomes.refused} refused`]),
    ...(outcomes.failed === 0 ? [] : [`${outcomes.failed} failed`]),
  ];
  return [count, ...bad, `median ${formatDuration(median)}`, `slowest ${formatDuration(slowest)}`].join(' · ');
}

function legend(): HTMLElement {
  const entry = (outcome: string, text: string): HTMLElement => element('li', { class: `outcome ${outcome}` }, text);
  return element(
    'ul',
    { class: 'legend', 'aria-hidden': 'true' },
    entry('answered', '● answered'),
    entry('refused', '◇ 400 to 499'),
    entry('failed', '✕ 500 and more, or broken off'),
  );
}
