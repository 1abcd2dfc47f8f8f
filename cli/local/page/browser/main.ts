import { signIn } from './api.ts';
import { Connection, type ConnectionState } from './connection.ts';
import { ConnectionBadge } from './connection-badge.ts';
import { setText } from './element.ts';
import { FunctionPage } from './function-page.ts';
import { applyEvent, emptyModel, type Model, openLog } from './model.ts';
import { Overview } from './overview.ts';
import { readRoute } from './route.ts';
import { currentToken, keepToken, rememberToken, restoreToken, takeKey } from './session.ts';
import { SignIn } from './sign-in.ts';
import { visible } from './words.ts';

/** What fills the page. */
interface View {
  readonly node: HTMLElement;
  readonly heading: HTMLElement;
  update?(model: Model): void;
  leave?(): void;
}

function find(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

const main = find('main');
const announcer = find('announcer');
const gateway = find('gateway');
let model = emptyModel;
let view: View | undefined;
let state: ConnectionState | undefined;
let drawing = false;

const connection = new Connection({
  event: (event) => {
    // A new stream tells the log from its beginning again.
    if (event.type === 'hello') model = openLog(model, model.log.function);
    model = applyEvent(model, event);
    draw();
  },
  changed: (next) => {
    state = next;
    draw();
  },
  signedOut: () => {
    keepToken(undefined);
    askToSignIn(
      model.hello === undefined
        ? ''
        : 'The gateway does not know this browser any more: its password has changed, or twelve hours are over.',
    );
  },
});
const badge = new ConnectionBadge(find('connection'), () => connection.retry());

function draw(): void {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const { hello } = model;
    if (hello !== undefined)
      setText(
        gateway,
        `${location.host} · ${visible(hello.dialect)} dialect · user ${visible(hello.user)} · bantam ${visible(hello.version)}`,
      );
    badge.update(state, model.restarted);
    view?.update?.(model);
  });
}

function show(next: View, title: string): void {
  const first = view === undefined;
  view?.leave?.();
  view = next;
  main.replaceChildren(next.node);
  document.title = `${title} · bantam local`;
  // Whoever listens hears where they are; on loading, the browser says so itself.
  if (!first) next.heading.focus({ preventScroll: true });
  if (!first) window.scrollTo(0, 0);
  draw();
}

function askToSignIn(say: string): void {
  state = undefined;
  connection.stop();
  show(
    new SignIn(say, (token) => {
      keepToken(token);
      enter();
    }),
    'Sign in',
  );
}

function enter(): void {
  go();
  connection.start();
}

function go(): void {
  const route = readRoute(location.hash);
  const name = route.kind === 'function' ? route.name : '';
  if (model.log.function !== name) model = openLog(model, name);
  connection.followLog(name);
  if (route.kind === 'overview') show(new Overview(), 'Functions');
  else show(new FunctionPage(name, (text) => setText(announcer, text)), visible(name));
}

async function begin(): Promise<void> {
  const key = takeKey();
  restoreToken();
  if (key !== undefined) {
    try {
      keepToken(await signIn({ key }));
    } catch (error) {
      // A link that is opened twice in one tab: the token of the first time is still good.
      if (currentToken() === undefined) return askToSignIn(error instanceof Error ? error.message : String(error));
    }
  }
  if (currentToken() === undefined) askToSignIn('');
  else enter();
}

document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener('hashchange', () => {
  rememberToken();
  if (/^#key=/.test(location.hash)) void begin();
  else if (currentToken() !== undefined) go();
});
// Ages on the page grow while nothing happens.
window.setInterval(draw, 10_000);
void begin();
