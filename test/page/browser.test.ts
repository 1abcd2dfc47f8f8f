import assert from 'node:assert/strict';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { type Chromium, provideChromium } from '../bed/chromium.ts';
import { reasonOf } from '../bed/program.ts';
import { skip } from '../real-parts.ts';
import {
  assertAccessible,
  assertFits,
  launchBrowser,
  openTab,
  type Tab,
  type TabOptions,
  viewports,
} from './browser.ts';
import { credentials, PageStage } from './page-stage.ts';

const hostile = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>\u202E';

describe('the page in a browser', function () {
  this.timeout(90_000);
  let browser: Browser;
  let context: BrowserContext;
  let stage: PageStage;

  before(async function () {
    this.timeout(600_000);
    let chromium: Chromium;
    try {
      chromium = await provideChromium(() => undefined);
    } catch (error) {
      skip(this, `no Chromium: ${reasonOf(error)}`);
    }
    browser = await launchBrowser(chromium);
    // As if somebody had given the password to the browser itself, which then adds it wherever the gateway asks for it.
    context = await browser.newContext({
      httpCredentials: { username: credentials.user, password: credentials.password },
    });
  });
  after(async () => {
    await browser?.close();
  });
  beforeEach(async () => {
    stage = await PageStage.open();
  });
  afterEach(async () => {
    await stage.close();
  });

  /** A signed-in tab. */
  async function enter(path = '', options: TabOptions = {}): Promise<Tab> {
    const tab = await openTab(context, stage.url, options);
    await tab.page.goto(stage.page.newLink());
    await tab.page.getByText('Live').waitFor();
    if (path !== '') await tab.page.evaluate(`location.hash = ${JSON.stringify(path)}`);
    return tab;
  }
  const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true });
  const answered = (page: Page) => page.locator('form + [role=status]');

  describe('signing in', () => {
    it('by a link: it works once, leaves no trace in the address, and lasts over a reload', async () => {
      await using tab = await openTab(context, stage.url);
      const { page } = tab;
      const link = stage.page.newLink();
      await page.goto(link);
      await heading(page, 'Functions').waitFor();
      assert.equal(page.url(), `${stage.url}/ui/#/`);
      await page.reload();
      await page.getByText('Live').waitFor();
      assert.deepEqual(await page.evaluate('[document.cookie, localStorage.length, sessionStorage.length]'), [
        '',
        0,
        0,
      ]);
      assert.deepEqual(tab.troubles, []);

      await using other = await openTab(context, stage.url);
      await other.page.goto(link);
      await other.page.getByText('this link was used already').waitFor();
      await heading(other.page, 'Sign in').waitFor();
    });

    it('by user and password, with the keyboard alone', async () => {
      await using tab = await openTab(context, stage.url);
      const { page } = tab;
      await page.goto(`${stage.url}/ui/`);
      await assertAccessible(page, 'sign in');
      await page.getByLabel('Password').focus();
      await page.keyboard.type('wrong');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText('user or password is wrong').waitFor();
      await page.keyboard.type(credentials.password);
      await page.keyboard.press('Enter');
      await page.getByText('No function is deployed yet.').waitFor();
      assert.deepEqual(tab.troubles, []);
      assert.ok(!tab.requests.some((request) => request.includes('/system')));
    });

    it('costs one round: few requests, few bytes, none to elsewhere', async () => {
      await using tab = await enter();
      const files = ['GET /ui/', 'GET /ui/page.css', 'GET /ui/page.js', 'GET /ui/icon.svg'];
      const unique = [...new Set(tab.requests)].sort();
      assert.deepEqual(unique, [...files, 'GET /ui/api/events', 'POST /ui/api/session'].sort());
      assert.ok(tab.requests.length <= 8, tab.requests.join('\n'));
      assert.ok((await tab.bytes()) < 65_000, String(await tab.bytes()));
      assert.deepEqual(tab.troubles, []);
    });
  });

  // Colours do not depend on the width: each once is enough. 640 px are a desktop that is zoomed to 200 %.
  for (const [name, colorScheme, narrow] of [
    ['phone', 'light', 320],
    ['desktop', 'dark', 640],
  ] as const)
    it(`is accessible and fits on a ${name}, ${colorScheme}, and into ${narrow} px`, async () => {
      fillStage();
      await using tab = await enter('', { viewport: viewports[name], colorScheme });
      const { page } = tab;
      await page.getByRole('row').nth(5).waitFor();
      await page.getByText('As a table').click();
      await assertAccessible(page, 'overview');
      const assertFitsBoth = async (what: string): Promise<void> => {
        await assertFits(page, what);
        await page.setViewportSize({ width: narrow, height: 430 });
        await assertFits(page, `${what}, narrow`);
        await page.setViewportSize(viewports[name]);
      };
      await assertFitsBoth('overview');
      await page.getByRole('link', { name: 'broken' }).first().click();
      await heading(page, 'broken').waitFor();
      await page.getByText('unknown: the image lies in').waitFor();
      await page.getByRole('button', { name: 'Call', exact: true }).click();
      await answered(page).getByText('503').waitFor();
      await assertAccessible(page, 'function');
      await assertFitsBoth('function');
      await page.getByRole('button', { name: 'Remove…' }).click();
      await assertAccessible(page, 'dialog');
      assert.deepEqual(tab.troubles, []);
    });

  it('does the job with the keyboard alone: look, call, scale, remove', async () => {
    stage.provider.stage('hello');
    await using tab = await enter();
    const { page } = tab;
    await page.getByRole('link', { name: 'hello' }).waitFor();
    await tabTo(page, 'hello');
    await page.keyboard.press('Enter');
    await heading(page, 'hello').waitFor();
    assert.equal(await page.evaluate('document.activeElement?.tagName'), 'H1', 'whoever listens hears where they are');
    await tabTo(page, 'Scale…');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Scale hello' }).waitFor();
    await page.keyboard.press('Control+A');
    await page.keyboard.type('3');
    await page.keyboard.press('Enter');
    await page.getByText('3 of 3 ready').waitFor();
    assert.equal(stage.provider.find('hello')?.replicas, 3);
    assert.equal(await page.evaluate('document.activeElement?.textContent'), 'Scale…', 'the focus comes back');
    await tabTo(page, 'Call');
    await page.keyboard.press('Enter');
    await answered(page).getByText('200 OK').waitFor();
    await tabTo(page, 'Remove…', 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Remove hello?' }).waitFor();
    assert.equal(await focusedText(page), 'Cancel', 'nothing is removed by pressing Enter twice');
    await page.keyboard.press('Escape');
    assert.notEqual(stage.provider.find('hello'), undefined);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByText('There is no such function (any more).').waitFor();
    assert.equal(stage.provider.find('hello'), undefined);
    assert.deepEqual(tab.troubles, []);
  });

  describe('its overview', () => {
    it('says what to type when there is nothing, and shows the first function by itself', async () => {
      await using tab = await enter();
      await tab.page.getByText('bantam fn new hello --lang ts').waitFor();
      await assertAccessible(tab.page, 'nothing yet');
      stage.provider.stage('hello');
      await tab.page.getByRole('link', { name: 'hello' }).waitFor();
      assert.equal(await tab.page.getByText('bantam fn new').isVisible(), false);
    });

    it('stays quick with 500 functions, finds them, and keeps the focus while they change', async () => {
      for (let index = 0; index < 500; index += 1) stage.provider.stage(`fn-${String(index).padStart(3, '0')}`);
      await using tab = await enter();
      const { page } = tab;
      const rows = page.locator('table.functions tbody tr');
      await page.getByText('Page 1 of 10').waitFor();
      assert.equal(await rows.count(), 50);
      const next = page.getByRole('button', { name: 'Next' });
      for (let press = 0; press < 9; press += 1) await next.press('Enter');
      await page.getByText('Page 10 of 10').waitFor();
      assert.equal(await focusedText(page), 'Next', 'at the end it keeps the focus');
      await page.getByRole('searchbox', { name: 'Find' }).fill('fn-12');
      await page.getByText('10 of 500 functions').waitFor();
      await page.getByRole('link', { name: 'fn-123' }).focus();
      stage.provider.stage('fn-123', {
        availableReplicas: 0,
        faults: [{ instance: 'fn-123-x', reason: `exit code 1: ${hostile}` }],
      });
      await page.locator('tr', { hasText: 'fn-123' }).getByText('Failing').waitFor();
      stage.provider.stage('fn-12');
      await page.getByText('11 of 501 functions').waitFor();
      assert.equal(await focusedText(page), 'fn-123');
      await page.getByRole('searchbox', { name: 'Find' }).fill('');
      await page.getByLabel('State').selectOption({ label: 'Failing' });
      await page.getByText('1 of 501 functions').waitFor();
      await page.getByRole('searchbox', { name: 'Find' }).fill('nothing like it');
      await page.getByText('No function fits.').waitFor();
      assert.deepEqual(tab.troubles, []);
      assert.equal(await page.title(), 'Functions · bantam local');
    });

    it('draws the last calls, and has them as a table', async () => {
      stage.provider.stage('hello');
      await using tab = await enter();
      const { page } = tab;
      for (const path of ['a', 'b', 'teapot', 'fail'])
        await (await fetch(`${stage.url}/function/hello/${path}`)).text();
      await page.getByText('4 calls · 1 refused · 1 failed').waitFor();
      await page.getByRole('img', { name: /^How long the last calls took: 4 calls · 1 refused/ }).waitFor();
      assert.equal(await page.locator('.mark').count(), 4);
      await page.getByText('As a table').press('Enter');
      const rows = page.locator('table.calls tbody tr');
      await rows.nth(3).waitFor();
      assert.equal(await rows.count(), 4);
      assert.match((await rows.first().textContent()) ?? '', /helloGET \/fail500 ✕/);
      assert.deepEqual(tab.troubles, []);
    });
  });

  describe('its function', () => {
    it('shows what is known of it, and follows it', async () => {
      const { replicaStates } = stage.provider.stage('hello');
      stage.queued.set('hello', 7);
      await using tab = await enter('#/functions/hello');
      const { page } = tab;
      const facts = page.locator('.facts');
      await facts.getByText('0123456789abcdef').waitFor();
      const text = (await facts.innerText()).replaceAll(/\s+/g, ' ');
      for (const part of [
        '1 of 1 ready',
        'registry.lan:5000/hello:1.0',
        '3f2a91c0',
        '34.0 MiB, limit 64Mi a replica',
        'Waiting calls 7',
        `${stage.url}/function/hello`,
      ])
        assert.ok(text.includes(part), `${part} in ${text}`);
      stage.provider.stage('hello', {
        availableReplicas: 0,
        faults: [{ instance: 'hello-1', reason: 'hello-1 was killed: out of memory (64Mi)' }],
        replicaStates: replicaStates.map((one) => ({ ...one, instance: 'hello-1', ready: false, restarts: 3 })),
      });
      await page.getByText('hello-1 was killed: out of memory (64Mi)').waitFor();
      assert.equal(await page.locator('#announcer').textContent(), 'hello: Failing');
      stage.provider.states.delete('hello');
      await page.getByText('There is no such function (any more).').waitFor();
      assert.deepEqual(tab.troubles, []);
    });

    it('shows answers as text, whatever is in them', async () => {
      stage.provider.stage('hello');
      await using tab = await enter('#/functions/hello');
      const { page } = tab;
      const body = page.locator('.answer pre');
      const call = async (path: string, state: string): Promise<void> => {
        await page.getByLabel('Path and query').fill(path);
        await page.getByLabel('Path and query').press('Enter');
        await answered(page).getByText(state).waitFor();
      };
      await page.getByLabel('Body', { exact: true }).fill('{"name":"Pi"}');
      await call('/json', '200 OK');
      assert.match((await body.textContent()) ?? '', /^\{\n {2}"method": "POST",\n/);
      await page.getByLabel('Method').selectOption('GET');
      await call('html', '200 OK');
      await body.getByText('<img src=x onerror').waitFor();
      await page.getByText('headers', { exact: false }).last().click();
      await page.getByText('<b onclick=alert(1)>header</b>').waitFor();
      await call('/bytes', '6 B');
      assert.match((await body.textContent()) ?? '', /^0000 {2}00 01 02 ff fe 41/);
      await call('/redirect', '302 Found');
      await page.getByText('The body is empty.').waitFor();
      await call('/teapot', '418');
      await call('/large', '200 OK');
      await page.getByText('only its beginning is shown').waitFor();
      await page.getByLabel('Headers').fill('nonsense');
      await call('/', 'Not called: the header line “nonsense” has no colon');
      assert.equal(await page.title(), 'hello · bantam local');
      assert.deepEqual(tab.troubles, []);
    });

    it('gives up a call that is never answered, and queues asynchronous ones', async () => {
      stage.provider.stage('hello');
      await using tab = await enter('#/functions/hello');
      const { page } = tab;
      await page.getByLabel('Path and query').fill('/never');
      await page.getByRole('button', { name: 'Call', exact: true }).click();
      await answered(page).getByText('Calling…').waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await answered(page).getByText('Cancelled.').waitFor();
      await page.getByLabel('Asynchronous').check();
      await page.getByLabel('Send the result to').fill('http://127.0.0.1:9000/done');
      await page.getByRole('button', { name: 'Call', exact: true }).click();
      await answered(page).getByText('202 Accepted').waitFor();
      assert.deepEqual(stage.accepted, [['/async-function/hello/never', 'http://127.0.0.1:9000/done']]);
    });

    it('follows its log, pauses, filters, and keeps the last 1,000 lines', async () => {
      stage.provider.stage('hello');
      stage.provider.write('hello', `\x1b[31mred\x1b[0m ${hostile}`);
      await using tab = await enter('#/functions/hello');
      const { page } = tab;
      const log = page.getByRole('log');
      await log.getByText('red <img src=x onerror').waitFor();
      assert.match((await log.textContent()) ?? '', /⟨U\+202E⟩/);
      for (let index = 0; index < 400; index += 1) stage.provider.write('hello', `line ${index}`);
      await log.getByText('line 399', { exact: true }).waitFor();
      const atEnd = 'const l = document.querySelector(".log"); l.scrollHeight - l.scrollTop - l.clientHeight < 2';
      assert.equal(await page.evaluate(`(() => { ${atEnd.replace('; ', '; return ')} })()`), true, 'follows the end');
      await page.getByRole('button', { name: 'Pause' }).click();
      for (let index = 400; index < 450; index += 1) stage.provider.write('hello', `line ${index}`);
      await page.getByRole('button', { name: 'Resume (50 new)' }).waitFor();
      assert.equal(await log.getByText('line 449', { exact: true }).count(), 0);
      await page.getByRole('button', { name: 'Resume' }).click();
      await log.getByText('line 449', { exact: true }).waitFor();
      await page.getByLabel('Show only lines with').fill('LINE 44');
      await page.getByText('11 of 451 lines').waitFor();
      assert.equal(await log.locator('> div').count(), 11);
      await page.getByLabel('Show only lines with').fill('');
      for (let index = 450; index < 3000; index += 1) stage.provider.write('hello', `line ${index}`);
      await log.getByText('line 2999', { exact: true }).waitFor();
      await page.getByText('older ones are not kept here: bantam fn logs hello').waitFor();
      assert.ok((await log.locator('> div').count()) <= 1000);
      assert.deepEqual(tab.troubles, []);
    });
  });

  describe('when the gateway goes', () => {
    it('says so, tries again, and says that it was restarted', async () => {
      stage.provider.stage('hello');
      await using tab = await enter();
      const { page } = tab;
      await page.getByRole('link', { name: 'hello' }).waitFor();
      await stage.stop();
      await page.getByText('Connection lost, trying again.').waitFor();
      await page.getByRole('link', { name: 'hello' }).waitFor();
      await assertAccessible(page, 'without a gateway');
      await stage.start();
      await page
        .getByRole('button', { name: 'Try now' })
        .click({ noWaitAfter: true, timeout: 1000 })
        .catch(() => undefined);
      await page.getByText('Live (the gateway was restarted)').waitFor();
      stage.provider.stage('later');
      await page.getByRole('link', { name: 'later' }).waitFor();
      assert.deepEqual(tab.troubles, []);
    });

    it('asks for the password when that has changed', async () => {
      await using tab = await enter();
      await stage.stop();
      await stage.start('another password');
      await tab.page.getByText('The gateway does not know this browser any more').waitFor();
      await tab.page.getByLabel('Password').fill('another password');
      await tab.page.keyboard.press('Enter');
      await heading(tab.page, 'Functions').waitFor();
    });
  });

  it('shows where the focus is, and moves nothing for those who asked for that', async () => {
    fillStage();
    await using tab = await enter('', { reducedMotion: 'reduce' });
    const { page } = tab;
    await page.getByText('Starting').last().waitFor();
    assert.equal(await page.evaluate('document.getAnimations().length'), 0);
    await page.keyboard.press('Tab');
    assert.equal(await focusedText(page), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement?.id'), 'main');
    await page.keyboard.press('Tab');
    assert.match(String(await page.evaluate('getComputedStyle(document.activeElement).outline')), /solid 3px/);
  });

  it('has nothing to fear from a function’s page, which is of the same origin', async () => {
    stage.provider.stage('hello');
    await using own = await enter();
    const markup = `(() => { try { document.body.innerHTML = '<p>x</p>'; return 'done'; } catch (error) { return error.name; } })()`;
    assert.equal(await own.page.evaluate(markup), 'TypeError', 'nothing becomes markup, even if a fault of ours tried');

    await using hostile = await openTab(context, stage.url);
    const { page } = hostile;
    await page.goto(`${stage.url}/function/hello/html`);
    const statusOf = (path: string, init = '{}') =>
      page.evaluate(`fetch(${JSON.stringify(path)}, ${init}).then(({ status }) => status)`);
    // This browser knows the password and would give it to whoever asks.
    assert.equal(await statusOf('/system/functions'), 403);
    assert.equal(await statusOf('/v2/x/blobs/uploads/', '{ method: "POST" }'), 403);
    assert.equal(await statusOf('/ui/api/functions'), 401);
    assert.equal(await statusOf('/function/hello/json'), 200);
    const worker = (script: string, scope: string) =>
      page.evaluate(
        `navigator.serviceWorker.register(${JSON.stringify(script)}, { scope: ${JSON.stringify(scope)} }).then(() => 'works', ({ name }) => name)`,
      );
    assert.equal(await worker('/function/hello/worker.js', '/function/hello/'), 'works');
    assert.equal(await worker('/function/hello/worker.js', '/ui/'), 'SecurityError');
    assert.notEqual(await worker('/function/hello?/worker.js', '/function/'), 'works');
    const opened = page.waitForEvent('popup');
    await page.evaluate(`{ globalThis.opened = open('/ui/'); }`);
    const popup = await opened;
    await heading(popup, 'Sign in').waitFor();
    assert.equal(await page.evaluate('globalThis.opened.closed'), true, 'it has no hold of the page that it opened');
    await popup.close();
  });

  /** Functions in every condition, names as long as they may be, calls of every kind. */
  function fillStage(): void {
    const { provider, activity } = stage;
    provider.limits = ['limits.cpu: not enforced, a function may take all processors'];
    provider.stage('hello');
    provider.stage('starting', { replicas: 3 });
    provider.stage('broken', {
      availableReplicas: 0,
      faults: [{ instance: 'broken-3f2a91c0-x7k2p', reason: `ended with exit code 1: ${hostile} ${'x'.repeat(300)}` }],
      replicaStates: [{ instance: 'broken-3f2a91c0-x7k2p', generation: 'a', ready: false, restarts: 5 }],
    });
    provider.stage('asleep', { replicas: 0, availableReplicas: 0, replicaStates: [] });
    provider.stage('going', { removing: true });
    provider.stage('n'.repeat(63));
    for (const [index, status] of [200, 404, 500, 200].entries())
      activity.start({
        id: `id-${index}`,
        function: 'broken',
        method: 'GET',
        path: `/${'p'.repeat(200)}`,
        asynchronous: false,
        known: true,
      })({
        status,
        ending: 'answered',
        requestBytes: 1,
        answerBytes: 2,
        replica: undefined,
      });
    provider.write('broken', `${'y'.repeat(500)} ${hostile}`);
  }
});

async function focusedText(page: Page): Promise<string> {
  return String(await page.evaluate('document.activeElement?.textContent?.trim() ?? ""'));
}

/** Presses Tab until something with this text has the focus. */
async function tabTo(page: Page, text: string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  for (let press = 0; press < 60; press += 1) {
    await page.keyboard.press(key);
    if ((await focusedText(page)) === text) return;
  }
  assert.fail(`no way with Tab to "${text}"`);
}
