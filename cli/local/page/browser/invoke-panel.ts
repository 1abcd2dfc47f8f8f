import type { InvokeAnswer, InvokeRequest } from '../messages.ts';
import { readBody, readHeaders } from './answer-text.ts';
import { invoke } from './api.ts';
import { button, element, field, setText } from './element.ts';
import { formatBytes, formatDuration, visible } from './words.ts';

const methods = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const cuts = {
  size: 'The answer is longer; only its beginning is shown.',
  time: 'The answer did not end within 10 s; this is what came until then.',
  broken: 'The function broke off before its answer was whole.',
} as const;

/** The form that calls a function, and the answer under it. */
export class InvokePanel {
  readonly node: HTMLElement;
  readonly #name: string;
  readonly #method = element('select', {}, ...methods.map((method) => element('option', {}, method)));
  readonly #path = element('input', { type: 'text', value: '/', spellcheck: 'false', autocomplete: 'off' });
  readonly #headers = element('textarea', { rows: 2, spellcheck: 'false' }, 'Content-Type: application/json');
  readonly #body = element('textarea', { rows: 4, spellcheck: 'false' });
  readonly #asynchronous = element('input', { type: 'checkbox', id: 'invoke-asynchronous' });
  readonly #callback = element('input', {
    type: 'url',
    spellcheck: 'false',
    placeholder: 'http://127.0.0.1:9000/done',
  });
  readonly #send = element('button', { type: 'submit', class: 'primary' }, 'Call');
  readonly #cancel = button('Cancel', () => this.#calling?.abort());
  readonly #state = element('p', { role: 'status' });
  readonly #answer = element('div', { class: 'answer' });
  #calling: AbortController | undefined;

  constructor(name: string) {
    this.#name = name;
    const callback = field('Send the result to (X-Callback-Url, may stay empty)', this.#callback);
    callback.hidden = true;
    this.#asynchronous.addEventListener('change', () => {
      callback.hidden = !this.#asynchronous.checked;
    });
    const form = element(
      'form',
      { novalidate: true },
      element('div', { class: 'line' }, field('Method', this.#method), field('Path and query', this.#path)),
      field('Headers, one “Name: value” a line', this.#headers),
      field('Body', this.#body),
      element(
        'div',
        { class: 'check' },
        this.#asynchronous,
        element(
          'label',
          { for: this.#asynchronous.id },
          'Asynchronous: put it into the queue, do not wait for the result',
        ),
      ),
      callback,
      element('div', { class: 'buttons' }, this.#send, this.#cancel),
    );
    this.#cancel.hidden = true;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#call();
    });
    this.node = element(
      'section',
      { class: 'card', 'aria-labelledby': 'invoke-title' },
      element('h2', { id: 'invoke-title' }, 'Call it'),
      form,
      this.#state,
      this.#answer,
    );
  }

  /** Ends a call that is under way. */
  leave(): void {
    this.#calling?.abort();
  }

  async #call(): Promise<void> {
    if (this.#calling !== undefined) return;
    const calling = new AbortController();
    this.#answer.replaceChildren();
    delete this.#state.dataset['outcome'];
    try {
      const request = this.#request();
      this.#calling = calling;
      this.#cancel.hidden = false;
      setText(this.#state, 'Calling…');
      this.#show(await invoke(request, calling.signal), request);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      setText(this.#state, calling.signal.aborted ? 'Cancelled.' : `Not called: ${reason}`);
    } finally {
      this.#calling = undefined;
      if (document.activeElement === this.#cancel) this.#send.focus();
      this.#cancel.hidden = true;
    }
  }

  #request(): InvokeRequest {
    const callback = this.#callback.value.trim();
    const asynchronous = this.#asynchronous.checked;
    const more: [string, string][] = asynchronous && callback !== '' ? [['X-Callback-Url', callback]] : [];
    const path = this.#path.value.trim();
    return {
      function: this.#name,
      method: this.#method.value,
      path: path.startsWith('/') ? path : `/${path}`,
      headers: [...readHeaders(this.#headers.value), ...more],
      body: ['GET', 'HEAD'].includes(this.#method.value) ? '' : this.#body.value,
      asynchronous,
    };
  }

  #show(answer: InvokeAnswer, { method, asynchronous }: InvokeRequest): void {
    const { status, statusText, headers, bytes, cut, firstByteMilliseconds, milliseconds } = answer;
    const id = headers.find(([name]) => name.toLowerCase() === 'x-call-id')?.[1];
    const queued =
      asynchronous && status === 202 ? ` · in the queue${id === undefined ? '' : ` as call ${visible(id)}`}` : '';
    const took =
      milliseconds - firstByteMilliseconds < 1
        ? formatDuration(milliseconds)
        : `${formatDuration(firstByteMilliseconds)} to the first byte, ${formatDuration(milliseconds)} in all`;
    setText(this.#state, `${status} ${visible(statusText)} · ${took} · ${formatBytes(bytes)}${queued}`);
    this.#state.dataset['outcome'] = status >= 500 ? 'failed' : status >= 400 ? 'refused' : 'answered';
    const body = readBody(
      Uint8Array.from(atob(answer.body), (character) => character.charCodeAt(0)),
      cut === undefined,
    );
    const kind = { json: 'Body (JSON, laid out)', text: 'Body', bytes: 'Body (no text: its first bytes)', empty: '' }[
      body.kind
    ];
    this.#answer.replaceChildren(
      ...(cut === undefined ? [] : [element('p', { class: 'note' }, cuts[cut])]),
      ...(body.kind === 'empty'
        ? [element('p', { class: 'muted' }, method === 'HEAD' ? 'HEAD has no body.' : 'The body is empty.')]
        : [
            element('h3', { id: 'answer-body' }, kind),
            element('pre', { tabindex: 0, role: 'region', 'aria-labelledby': 'answer-body' }, body.text),
          ]),
      element(
        'details',
        {},
        element('summary', {}, `${headers.length} headers`),
        element(
          'dl',
          { class: 'headers' },
          ...headers.flatMap(([name, value]) => [element('dt', {}, visible(name)), element('dd', {}, visible(value))]),
        ),
      ),
    );
  }
}
