import type { FunctionView, Sizes } from '../messages.ts';
import { readSizes, remove, scale } from './api.ts';
import { conditionBadge, updateBadge } from './badge.ts';
import { CallList } from './call-list.ts';
import { confirmInDialog } from './dialog.ts';
import { button, element, field, setText } from './element.ts';
import { factsOf, replicaTable } from './facts.ts';
import { InvokePanel } from './invoke-panel.ts';
import { LogPanel } from './log-panel.ts';
import type { Model } from './model.ts';
import { conditionWords, visible } from './words.ts';

/** One function: what it is, a form to call it, its log, its last calls. */
export class FunctionPage {
  readonly node: HTMLElement;
  readonly heading: HTMLHeadingElement;
  readonly #name: string;
  readonly #announce: (text: string) => void;
  readonly #badge = conditionBadge();
  readonly #faults = element('ul', { class: 'faults' });
  readonly #facts = element('div');
  readonly #actions: HTMLElement;
  readonly #gone = element('p', { class: 'note' });
  readonly #invoke: InvokePanel;
  readonly #log: LogPanel;
  readonly #calls: CallList;
  readonly #leaving = new AbortController();
  #view: FunctionView | undefined;
  #drawn = '';
  #image: string | undefined;
  #sizes: Sizes | undefined;
  #model: Model | undefined;
  #callsOf: readonly unknown[] = [];

  constructor(name: string, announce: (text: string) => void) {
    this.#name = name;
    this.#announce = announce;
    this.heading = element('h1', { tabindex: -1 }, visible(name));
    this.#invoke = new InvokePanel(name);
    this.#log = new LogPanel(name);
    this.#calls = new CallList(name);
    this.#actions = element(
      'div',
      { class: 'buttons' },
      button('Scale…', () => this.#askScale()),
      button('Remove…', () => this.#askRemove()),
    );
    const about = element(
      'section',
      { class: 'card', 'aria-label': `About ${visible(name)}` },
      element('div', { class: 'title' }, this.heading, this.#badge, this.#actions),
      this.#gone,
      this.#faults,
      this.#facts,
    );
    this.node = element(
      'div',
      {},
      element('nav', { 'aria-label': 'Back' }, element('a', { href: '#/', class: 'back' }, '← All functions')),
      element(
        'div',
        { class: 'columns' },
        element('div', {}, about, this.#invoke.node),
        element('div', {}, this.#log.node, this.#calls.node),
      ),
    );
  }

  update(model: Model): void {
    this.#model = model;
    const view = model.functions.get(this.#name);
    const before = this.#view;
    if (before !== undefined && view?.condition !== before.condition)
      this.#announce(`${visible(this.#name)}: ${view === undefined ? 'removed' : conditionWords[view.condition]}`);
    this.#view = view;
    if (view?.image !== this.#image) this.#readSizes(view?.image);
    this.#render();
    this.#log.update(model.log);
    if (model.calls !== this.#callsOf) {
      this.#callsOf = model.calls;
      this.#calls.update(
        model.calls.filter((call) => call.function === this.#name),
        0,
      );
    }
  }

  /** Ends what is under way when the reader goes elsewhere. */
  leave(): void {
    this.#leaving.abort();
    this.#invoke.leave();
  }

  #render(): void {
    const view = this.#view;
    this.#badge.hidden = view === undefined;
    this.#actions.hidden = view === undefined || view.condition === 'removing';
    setText(
      this.#gone,
      view === undefined
        ? this.#model?.loaded === true
          ? 'There is no such function (any more).'
          : 'Asking the gateway…'
        : '',
    );
    this.#gone.hidden = view !== undefined;
    if (view === undefined) {
      this.#drawn = '';
      this.#faults.replaceChildren();
      this.#facts.replaceChildren();
      return;
    }
    updateBadge(this.#badge, view.condition);
    // Ages grow by themselves: drawn anew at most once in ten seconds, unless something else changes.
    const now = Date.now();
    const state = JSON.stringify([view, this.#sizes, Math.floor(now / 10_000)]);
    if (state === this.#drawn) return;
    this.#drawn = state;
    this.#faults.replaceChildren(...view.faults.map(({ instance, reason }) => faultLine(instance, reason)));
    const table = replicaTable(view, now);
    this.#facts.replaceChildren(
      factsOf(view, { sizes: this.#sizes, now, gateway: location.origin }),
      ...(table === undefined ? [] : [table]),
    );
  }

  #readSizes(image: string | undefined): void {
    this.#image = image;
    this.#sizes = undefined;
    if (image === undefined) return;
    const take = (sizes: Sizes): void => {
      if (this.#image !== image || this.#leaving.signal.aborted) return;
      this.#sizes = sizes;
      this.#render();
    };
    readSizes(this.#name, this.#leaving.signal).then(take, (error: unknown) =>
      take({ platforms: [], unknown: error instanceof Error ? error.message : String(error) }),
    );
  }

  #askScale(): void {
    const now = this.#view?.replicas ?? 1;
    const wanted = element('input', {
      type: 'number',
      min: 0,
      max: 1000,
      step: 1,
      value: now,
      required: true,
      inputmode: 'numeric',
    });
    confirmInDialog({
      title: `Scale ${visible(this.#name)}`,
      text: `It has ${now === 1 ? '1 replica' : `${now} replicas`} now. The gateway may take fewer than you ask for.`,
      control: field('Replicas', wanted),
      act: 'Scale',
      carryOut: async () => {
        if (!wanted.checkValidity()) throw new Error('the number of replicas must be a whole number from 0 to 1000');
        await scale(this.#name, wanted.valueAsNumber);
        this.#announce(`${visible(this.#name)} is being scaled to ${wanted.valueAsNumber}`);
      },
    });
  }

  #askRemove(): void {
    confirmInDialog({
      title: `Remove ${visible(this.#name)}?`,
      text: 'Its replicas are stopped and it answers no more. Its image and the project on your disk stay.',
      act: 'Remove',
      dangerous: true,
      carryOut: () => remove(this.#name),
    });
  }
}

/** Most reasons name their replica themselves. */
function faultLine(instance: string, reason: string): HTMLLIElement {
  const named = instance === '' || reason.includes(instance);
  return element('li', {}, named ? '' : `${visible(instance)}: `, visible(reason));
}
