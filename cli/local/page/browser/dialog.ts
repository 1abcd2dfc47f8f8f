import { button, element, setText } from './element.ts';

interface Question {
  readonly title: string;
  readonly text: string;
  /** What stands between text and buttons. */
  readonly control?: HTMLElement;
  /** The word of the button that does it. */
  readonly act: string;
  readonly dangerous?: boolean;
  /** Does it; what it throws is shown, and the dialog stays. */
  readonly carryOut: () => Promise<void>;
}

/** Asks before something is done. Escape and Cancel leave all as it was; the focus goes back to where it came from. */
export function confirmInDialog({ title, text, control, act, dangerous = false, carryOut }: Question): void {
  const problem = element('p', { class: 'problem', role: 'alert' });
  const cancel = button('Cancel', () => dialog.close());
  const go = element('button', { type: 'submit', class: dangerous ? 'danger' : 'primary' }, act);
  const form = element(
    'form',
    { novalidate: true },
    element('h2', { id: 'dialog-title' }, title),
    element('p', { id: 'dialog-text' }, text),
    control,
    problem,
    element('div', { class: 'buttons' }, go, cancel),
  );
  const dialog = element('dialog', { 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' }, form);
  let busy = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    setText(problem, '');
    carryOut().then(
      () => dialog.close(),
      (error: unknown) => {
        busy = false;
        setText(problem, error instanceof Error ? error.message : String(error));
      },
    );
  });
  const close = (): void => dialog.close();
  // Who goes back in the history has turned away from the question.
  window.addEventListener('hashchange', close);
  dialog.addEventListener('close', () => {
    window.removeEventListener('hashchange', close);
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  if (control === undefined) cancel.focus();
}
