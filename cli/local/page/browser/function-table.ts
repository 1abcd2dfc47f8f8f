import type { FunctionView } from '../messages.ts';
import { conditionBadge, updateBadge } from './badge.ts';
import { element, setText } from './element.ts';
import { addressOf } from './route.ts';
import { formatMemory, memoryOf, reasonOf, restartsOf, visible } from './words.ts';

interface Row {
  readonly node: HTMLTableRowElement;
  readonly link: HTMLAnchorElement;
  update(view: FunctionView): void;
}

/** The table of functions, one page of it. Rows stay the same elements while their function is shown. */
export class FunctionTable {
  readonly node: HTMLTableElement;
  readonly #body = element('tbody', { role: 'rowgroup' });
  readonly #rows = new Map<string, Row>();
  #order = '';

  constructor() {
    const headings = [
      ['Function', ''],
      ['State', ''],
      ['Replicas', 'number'],
      ['Revision', 'wide'],
      ['Memory', 'wide number'],
      ['Restarts', 'wide number'],
      ['Waiting', 'wide number'],
    ].map(([text = '', kind]) => element('th', { scope: 'col', role: 'columnheader', class: kind || undefined }, text));
    this.node = element(
      'table',
      // The roles are said because a phone's style takes the table apart, and some browsers then forget what it was.
      { class: 'functions', role: 'table' },
      element('caption', { class: 'unseen' }, 'Functions of this gateway'),
      element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...headings)),
      this.#body,
    );
  }

  update(shown: readonly FunctionView[]): void {
    const rows = shown.map((view) => {
      const row = this.#rows.get(view.name) ?? makeRow(view.name);
      this.#rows.set(view.name, row);
      row.update(view);
      return row;
    });
    const order = shown.map(({ name }) => name).join(' ');
    if (order === this.#order) return;
    this.#order = order;
    // Elements that are moved lose the focus.
    const focused = rows.find(({ link }) => link === document.activeElement);
    this.#body.replaceChildren(...rows.map(({ node }) => node));
    focused?.link.focus({ preventScroll: true });
    const names = new Set(shown.map(({ name }) => name));
    for (const name of this.#rows.keys()) if (!names.has(name)) this.#rows.delete(name);
  }
}

function makeRow(name: string): Row {
  const link = element('a', { href: addressOf({ kind: 'function', name }) }, visible(name));
  const reason = element('span', { class: 'reason' });
  const badge = conditionBadge();
  const [replicas, revision, memory, restarts, waiting] = [
    cell('number replicas-of'),
    cell('wide code'),
    cell('wide number'),
    cell('wide number'),
    cell('wide number'),
  ];
  const state = cell('');
  state.append(badge);
  const node = element(
    'tr',
    { role: 'row' },
    element('th', { scope: 'row', role: 'rowheader' }, link, reason),
    state,
    replicas,
    revision,
    memory,
    restarts,
    waiting,
  );
  let last: FunctionView | undefined;
  const update = (view: FunctionView): void => {
    if (view === last) return;
    last = view;
    updateBadge(badge, view.condition);
    setText(reason, view.condition === 'failing' ? reasonOf(view) : '');
    setText(replicas, `${view.availableReplicas}/${view.replicas}`);
    setText(revision, visible(view.revision?.slice(0, 12) ?? '–'));
    const bytes = memoryOf(view);
    setText(memory, bytes === undefined ? '–' : formatMemory(bytes));
    setText(restarts, String(restartsOf(view)));
    setText(waiting, view.queued === undefined ? '–' : String(view.queued));
  };
  return { node, link, update };
}

function cell(kind: string): HTMLTableCellElement {
  return element('td', { role: 'cell', class: kind });
}
