import { type FunctionCondition, functionConditions } from '../messages.ts';
import { CallList } from './call-list.ts';
import { button, element, field, setText } from './element.ts';
import { FunctionTable } from './function-table.ts';
import { choosePage, countConditions, type Model } from './model.ts';
import { conditionWords, formatCount } from './words.ts';

const pageSize = 50;

/** All functions of the gateway: the table with its filter, the last calls, and what the gateway does not enforce. */
export class Overview {
  readonly node: HTMLElement;
  readonly heading = element('h1', { tabindex: -1 }, 'Functions');
  readonly #summary = element('p', { class: 'summary' });
  readonly #table = new FunctionTable();
  readonly #calls = new CallList('all functions');
  readonly #words = element('input', { type: 'search', autocomplete: 'off', spellcheck: 'false' });
  readonly #condition = element('select');
  readonly #found = element('p', { class: 'muted', role: 'status' });
  readonly #pager: HTMLElement;
  readonly #position = element('span');
  readonly #previous = button('Previous', () => this.#turn(-1));
  readonly #next = button('Next', () => this.#turn(1));
  readonly #empty = emptyState();
  readonly #loading = element('p', { class: 'muted' }, 'Asking the gateway…');
  readonly #list: HTMLElement;
  readonly #limits = element('ul', { class: 'sentences' });
  readonly #about: HTMLElement;
  #page = 0;
  #model: Model | undefined;

  constructor() {
    this.#condition.append(
      element('option', { value: '' }, 'Any state'),
      ...functionConditions.map((condition) => element('option', { value: condition }, conditionWords[condition])),
    );
    for (const control of [this.#words, this.#condition])
      control.addEventListener('input', () => {
        this.#page = 0;
        this.#render();
      });
    const filter = element(
      'div',
      { class: 'filter', role: 'search' },
      field('Find', this.#words),
      field('State', this.#condition),
    );
    this.#pager = element(
      'nav',
      { class: 'pager', 'aria-label': 'Pages of functions' },
      this.#previous,
      this.#position,
      this.#next,
    );
    this.#list = element('div', {}, filter, this.#found, this.#table.node, this.#pager);
    this.#about = element(
      'section',
      { class: 'card', 'aria-labelledby': 'limits-title' },
      element('h2', { id: 'limits-title' }, 'What is different from a cluster'),
      this.#limits,
    );
    this.node = element(
      'div',
      { class: 'overview' },
      element(
        'section',
        { class: 'card' },
        element('div', { class: 'title' }, this.heading, this.#summary),
        this.#loading,
        this.#empty,
        this.#list,
      ),
      this.#calls.node,
      this.#about,
    );
  }

  update(model: Model): void {
    this.#model = model;
    this.#render();
    this.#calls.update(model.calls, model.running);
  }

  #turn(by: number): void {
    this.#page += by;
    this.#render();
    this.#table.node.scrollIntoView({ block: 'nearest' });
  }

  #render(): void {
    const model = this.#model;
    if (model === undefined) return;
    const { functions, loaded, hello } = model;
    this.#loading.hidden = loaded;
    this.#empty.hidden = !loaded || functions.size > 0;
    this.#list.hidden = functions.size === 0;
    const counts = countConditions(functions.values());
    setText(
      this.#summary,
      functionConditions
        .flatMap((condition) => {
          const count = counts.get(condition) ?? 0;
          return count === 0 ? [] : [`${formatCount(count)} ${conditionWords[condition].toLowerCase()}`];
        })
        .join(' · '),
    );
    const condition = functionConditions.find((name): name is FunctionCondition => name === this.#condition.value);
    const choice = { words: this.#words.value, condition, page: this.#page, size: pageSize };
    const { shown, found, page, pages } = choosePage(functions.values(), choice);
    this.#page = page;
    this.#table.update(shown);
    this.#table.node.hidden = found === 0;
    const filtered = choice.words.trim() !== '' || condition !== undefined;
    setText(
      this.#found,
      filtered
        ? found === 0
          ? 'No function fits.'
          : `${formatCount(found)} of ${formatCount(functions.size)} functions`
        : '',
    );
    this.#pager.hidden = pages < 2;
    setText(this.#position, `Page ${page + 1} of ${pages}`);
    setDisabled(this.#previous, page === 0);
    setDisabled(this.#next, page === pages - 1);
    const limits = hello?.limits ?? [];
    this.#about.hidden = limits.length === 0;
    if (this.#limits.childElementCount !== limits.length)
      this.#limits.replaceChildren(...limits.map((text) => element('li', {}, text)));
  }
}

/** A button that has the focus keeps it: `disabled` would drop it to the top of the page. */
function setDisabled(target: HTMLButtonElement, disabled: boolean): void {
  target.setAttribute('aria-disabled', String(disabled));
  target.disabled = disabled && document.activeElement !== target;
}

function emptyState(): HTMLElement {
  return element(
    'div',
    { class: 'empty' },
    element('p', {}, 'No function is deployed yet. In the folder of your project, type:'),
    element(
      'pre',
      { tabindex: 0, 'aria-label': 'Commands to type' },
      'bantam fn new hello --lang ts\nbantam fn deploy',
    ),
    element('p', { class: 'muted' }, 'It appears here as soon as the gateway has it; nothing needs to be reloaded.'),
  );
}
