import { signIn } from './api.ts';
import { element, field, setText } from './element.ts';

/** The form for user and password. `say` is why it is there. */
export class SignIn {
  readonly node: HTMLElement;
  readonly heading = element('h1', { tabindex: -1 }, 'Sign in');

  constructor(say: string, done: (token: string) => void) {
    const user = element('input', {
      type: 'text',
      value: 'admin',
      autocomplete: 'off',
      spellcheck: 'false',
      autocapitalize: 'none',
    });
    // A browser that keeps it would fill it into the forms of functions' pages, too: they are of the same origin.
    const password = element('input', { type: 'password', autocomplete: 'off' });
    const problem = element('p', { class: 'problem', role: 'alert' });
    const form = element(
      'form',
      { novalidate: true },
      field('User', user),
      field('Password', password),
      problem,
      element('div', { class: 'buttons' }, element('button', { type: 'submit', class: 'primary' }, 'Sign in')),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      setText(problem, '');
      signIn({ user: user.value, password: password.value }).then(done, (error: unknown) => {
        setText(problem, error instanceof Error ? error.message : String(error));
        password.focus();
        password.select();
      });
    });
    this.node = element(
      'section',
      { class: 'card narrow' },
      this.heading,
      say === '' ? undefined : element('p', { class: 'note' }, say),
      form,
      element(
        'p',
        { class: 'muted' },
        'The password is in ',
        element('code', {}, '.bantam/local.json'),
        ' of the project. ',
        element('code', {}, 'bantam local status'),
        ' prints a link that needs none.',
      ),
    );
  }
}
