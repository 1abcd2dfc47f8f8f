import { button, element, field, setText } from './element.ts';
import { chooseLines, type LogModel, type NumberedLine } from './model.ts';
import { formatCount, formatTime, visible, visibleLine } from './words.ts';

/** The live log of one function: follows, pauses, filters; keeps as much as the model does. */
export class LogPanel {
  readonly node: HTMLElement;
  readonly #name: string;
  readonly #lines = element('div', { class: 'log', role: 'log', 'aria-live': 'off', tabindex: 0 });
  readonly #words = element('input', { type: 'search', autocomplete: 'off', spellcheck: 'false' });
  readonly #pause = button('Pause', () => this.#togglePause());
  readonly #state = element('p', { class: 'muted' });
  #log: LogModel | undefined;
  #shown: LogModel | undefined;
  #paused = false;
  #lastNumber = -1;
  #filter = '';

  constructor(name: string) {
    this.#name = name;
    this.#lines.setAttribute('aria-label', `Log of ${visible(name)}`);
    this.#words.addEventListener('input', () => this.#render());
    const controls = element('div', { class: 'filter' }, field('Show only lines with', this.#words), this.#pause);
    this.node = element(
      'section',
      { class: 'card', 'aria-labelledby': 'log-title' },
      element('h2', { id: 'log-title' }, 'Log'),
      controls,
      this.#lines,
      this.#state,
    );
  }

  update(log: LogModel): void {
    this.#log = log;
    if (!this.#paused) this.#shown = log;
    this.#render();
  }

  #togglePause(): void {
    this.#paused = !this.#paused;
    if (!this.#paused) this.#shown = this.#log;
    this.#render();
    if (!this.#paused) this.#scrollToEnd();
  }

  #render(): void {
    const log = this.#shown;
    if (log === undefined) return;
    const words = this.#words.value;
    const chosen = chooseLines(log.lines, words);
    const atEnd = this.#lines.scrollHeight - this.#lines.scrollTop - this.#lines.clientHeight < 30;
    const last = log.lines.at(-1)?.number ?? -1;
    if (words !== this.#filter || last < this.#lastNumber) this.#lines.replaceChildren();
    const drawn = this.#lines.childElementCount === 0 ? -1 : this.#lastNumber;
    this.#lines.append(...chosen.filter(({ number }) => number > drawn).map((line) => this.#row(line)));
    while (this.#lines.childElementCount > chosen.length) this.#lines.firstElementChild?.remove();
    [this.#filter, this.#lastNumber] = [words, last];
    const first = log.lines[0]?.instance;
    this.#lines.classList.toggle(
      'single',
      log.lines.every(({ instance }) => instance === first),
    );
    // Who has scrolled up reads; who is at the end follows.
    if (atEnd && !this.#paused) this.#scrollToEnd();
    this.#describe(log, chosen.length);
  }

  #scrollToEnd(): void {
    this.#lines.scrollTop = this.#lines.scrollHeight;
  }

  #describe(log: LogModel, shown: number): void {
    const came = (of: LogModel): number => of.dropped + of.lines.length;
    const waiting = this.#log === undefined ? 0 : came(this.#log) - came(log);
    setText(this.#pause, this.#paused ? `Resume${waiting === 0 ? '' : ` (${formatCount(waiting)} new)`}` : 'Pause');
    const dropped =
      log.dropped === 0
        ? ''
        : ` · ${formatCount(log.dropped)} older ones are not kept here: bantam fn logs ${this.#name}`;
    const filtered = this.#filter.trim() === '' ? '' : ` of ${formatCount(log.lines.length)}`;
    const count = shown === 1 && filtered === '' ? '1 line' : `${formatCount(shown)}${filtered} lines`;
    setText(this.#state, log.lines.length === 0 ? 'Nothing was written yet.' : `${count}${dropped}`);
  }

  #row({ timestamp, instance, text }: NumberedLine): HTMLDivElement {
    const replica = instance.startsWith(`${this.#name}-`) ? instance.slice(this.#name.length + 1) : instance;
    return element(
      'div',
      {},
      element('time', { datetime: visible(timestamp) }, formatTime(timestamp, true)),
      ' ',
      element('span', { class: 'replica' }, visible(replica)),
      ' ',
      element('span', { class: text.startsWith('[bantam local]') ? 'notice' : undefined }, visibleLine(text)),
    );
  }
}
