import type { ConnectionState } from './connection.ts';
import { button, element, setText } from './element.ts';

/** How the page is connected, at the top of it. Only the change is announced, not each second of the waiting. */
export class ConnectionBadge {
  readonly #word = element('span', { role: 'status' });
  readonly #countdown = element('span', { 'aria-hidden': 'true' });
  readonly #retry: HTMLButtonElement;
  readonly #node: HTMLElement;
  #timer: number | undefined;

  constructor(node: HTMLElement, retry: () => void) {
    this.#node = node;
    this.#retry = button('Try now', retry);
    node.append(this.#word, ' ', this.#countdown, ' ', this.#retry);
    this.#retry.hidden = true;
  }

  update(state: ConnectionState | undefined, restarted: boolean): void {
    window.clearInterval(this.#timer);
    this.#node.dataset['kind'] = state?.kind ?? 'none';
    this.#retry.hidden = state?.kind !== 'waiting';
    setText(this.#countdown, '');
    setText(this.#word, wordsFor(state, restarted));
    if (state?.kind !== 'waiting') return;
    const tick = (): void => {
      const seconds = Math.max(0, Math.ceil((state.until - Date.now()) / 1000));
      setText(this.#countdown, seconds === 0 ? 'Trying…' : `Next try in ${seconds} s.`);
    };
    tick();
    this.#timer = window.setInterval(tick, 1000);
  }
}

function wordsFor(state: ConnectionState | undefined, restarted: boolean): string {
  switch (state?.kind) {
    case undefined:
      return '';
    case 'connecting':
      return 'Connecting…';
    case 'live':
      return restarted ? 'Live (the gateway was restarted)' : 'Live';
    case 'waiting':
      return 'Connection lost, trying again.';
  }
}
