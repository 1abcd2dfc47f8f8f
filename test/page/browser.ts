import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import * as v from 'valibot';
import type { Chromium } from '../bed/chromium.ts';

/** The two widths that the page is held to, in CSS pixels. */
export const viewports = { phone: { width: 360, height: 780 }, desktop: { width: 1280, height: 860 } } as const;

/** A page in a real browser that fails the test for anything on its console and any request to somewhere else. */
export interface Tab extends AsyncDisposable {
  readonly page: Page;
  /** Method and path of all requests so far. */
  readonly requests: readonly string[];
  /** Console errors, uncaught errors, requests to other origins: empty when all is well. */
  readonly troubles: readonly string[];
  /** Bytes of the bodies of all files so far; not of event streams. */
  bytes(): Promise<number>;
}

export async function launchBrowser({ program, arguments: argv, environment }: Chromium): Promise<Browser> {
  const own = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return await chromium.launch({
    executablePath: program,
    // One process for all tabs: starting one takes longer than most tests.
    args: [...argv, '--disable-gpu', '--disable-dev-shm-usage', '--process-per-site', '--in-process-gpu'],
    chromiumSandbox: argv.length === 0,
    env: { ...Object.fromEntries(own), ...environment },
    timeout: 60_000,
  });
}

/** How a tab looks at the page. */
export interface TabOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce';
}

/** A fresh tab, signed out: what the page remembers it keeps in its own tab. `origin` is where its requests may go. */
export async function openTab(context: BrowserContext, origin: string, options: TabOptions = {}): Promise<Tab> {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const { viewport = viewports.desktop, ...media } = options;
  await page.setViewportSize(viewport);
  if (Object.keys(media).length > 0) await page.emulateMedia(media);
  const requests: string[] = [];
  const troubles: string[] = [];
  const bodies: Promise<number>[] = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    requests.push(`${request.method()} ${url.pathname}`);
    if (url.origin !== origin) troubles.push(`a request to ${url.href}`);
  });
  page.on('requestfinished', (request) => {
    bodies.push(
      request.sizes().then(
        ({ responseBodySize }) => responseBodySize,
        () => 0,
      ),
    );
  });
  page.on('console', (message) => {
    // A refused request is told on the console by the browser itself; the page shows it.
    const refused = /^Failed to load resource: the server responded with a status of 40[14]/.test(message.text());
    const unreachable = /^Failed to load resource: net::ERR_/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !refused && !unreachable) troubles.push(message.text());
  });
  page.on('pageerror', (error) => troubles.push(String(error)));
  return {
    page,
    requests,
    troubles,
    bytes: async () => (await Promise.all(bodies)).reduce((sum, size) => sum + size, 0),
    [Symbol.asyncDispose]: () => page.close(),
  };
}

const violations = v.array(v.object({ id: v.string(), nodes: v.array(v.object({ html: v.string() })) }));

/** Runs axe-core over what is shown: WCAG 2.2 A and AA, and good practice. The program comes past the page's policy through the debugger. */
export async function assertAccessible(page: Page, what: string): Promise<void> {
  const loaded = await page.evaluate('typeof axe === "object"');
  if (loaded !== true)
    await page.evaluate(await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8'));
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const found: unknown = await page.evaluate(
    `axe.run(document, { runOnly: ${JSON.stringify(tags)} }).then(({ violations }) => violations)`,
  );
  const lines = v
    .parse(violations, found)
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(' | ')}`);
  assert.deepEqual(lines, [], what);
}

/** Whether anything sticks out at the right: nobody shall scroll in two directions. */
export async function assertFits(page: Page, what: string): Promise<void> {
  const [inner, scroll] = v.parse(
    v.tuple([v.number(), v.number()]),
    // The chart follows a change of the window with the next frame.
    await page.evaluate(
      `new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(() => {
        const { clientWidth, scrollWidth } = document.documentElement;
        return [clientWidth, scrollWidth];
      })`,
    ),
  );
  assert.ok(scroll <= inner, `${what}: ${scroll} px in a window of ${inner} px`);
}
