import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { askPageLink } from '../../cli/local/page/ask-link.ts';
import {
  functionViewSchema,
  type InvokeAnswer,
  type InvokeRequest,
  invokeAnswerSchema,
  linkSchema,
  type PageEvent,
  pageEventSchema,
  problemSchema,
  sessionSchema,
  sizesSchema,
} from '../../cli/local/page/messages.ts';
import { openEmbeddedRegistry } from '../../cli/local/registry/server.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { credentials, PageStage } from './page-stage.ts';

describe('the page at /ui/', function () {
  this.timeout(60_000);
  let stage: PageStage;
  const authorization = `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;

  beforeEach(async () => {
    stage = await PageStage.open();
  });
  afterEach(async () => {
    await stage.close();
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${stage.url}${path}`, { headers, redirect: 'manual' });
  const post = (path: string, body: unknown, headers: Record<string, string> = { authorization }): Promise<Response> =>
    fetch(`${stage.url}/ui/api/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const problemOf = async (answer: Response): Promise<string> => v.parse(problemSchema, await answer.json()).problem;

  describe('its files', () => {
    it('are small, and allow nothing but themselves', async () => {
      let bytes = 0;
      for (const path of ['', 'page.js', 'page.css', 'icon.svg']) {
        const answer = await get(`/ui/${path}`);
        assert.equal(answer.status, 200, path);
        bytes += (await answer.arrayBuffer()).byteLength;
        const policy = answer.headers.get('content-security-policy') ?? '';
        assert.match(policy, /default-src 'none'; script-src 'self';.*frame-ancestors 'none'.*require-trusted-types/);
        assert.doesNotMatch(policy, /unsafe|http|\*/);
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
        assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
        assert.equal(answer.headers.get('cross-origin-opener-policy'), 'same-origin');
        const etag = answer.headers.get('etag') ?? '';
        assert.equal((await get(`/ui/${path}`, { 'if-none-match': etag })).status, 304);
      }
      assert.ok(bytes < 60_000, `${bytes} bytes`);
    });

    it('have neither inline scripts and styles nor anything of elsewhere', async () => {
      const html = await (await get('/ui/')).text();
      assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:/i);
      assert.doesNotMatch(html, /(?:href|src)="?(?:[a-z]+:|\/\/)/i);
      assert.doesNotMatch(await (await get('/ui/page.css')).text(), /url\(|@import|@font-face/);
      assert.doesNotMatch(
        await (await get('/ui/page.js')).text(),
        /innerHTML|insertAdjacentHTML|document\.write\b|\beval\(/,
      );
    });

    it('are all there is: no other path, no other method', async () => {
      const moved = await get('/ui');
      assert.deepEqual([moved.status, moved.headers.get('location')], [308, '/ui/']);
      for (const path of [
        'index.htm',
        '../package.json',
        '%2e%2e/package.json',
        '..%2fpackage.json',
        'constructor',
        'api',
      ])
        assert.ok([404, 301, 308].includes((await get(`/ui/${path}`)).status), path);
      assert.equal((await fetch(`${stage.url}/ui/`, { method: 'POST' })).status, 405);
      assert.equal((await fetch(`${stage.url}/ui/`, { method: 'HEAD' })).status, 200);
    });

    it('say so where they were not built', async () => {
      const { createPage } = await import('../../cli/local/page/page.ts');
      const page = createPage({
        provider: stage.provider,
        activity: stage.activity,
        credentials,
        url: stage.url,
        run: '1',
        version: '1',
        dialect: 'faasd',
        closing: new AbortController().signal,
        folder: join(stage.folder, 'nothing'),
      });
      const answer = await page.answer(new Request(`${stage.url}/ui/`));
      assert.deepEqual([answer.status, await answer.text()], [503, 'the page is not built: run npm run build']);
    });
  });

  describe('who gets in', () => {
    it('asks for a token or the password, and never makes the browser ask', async () => {
      for (const headers of [{}, { authorization: 'Bearer x.y' }, { authorization: 'Basic eDp5' }]) {
        const answer = await get('/ui/api/functions', headers);
        assert.equal(answer.status, 401);
        assert.equal(answer.headers.get('www-authenticate'), null);
        assert.equal(await problemOf(answer), 'sign in first');
      }
      assert.deepEqual(await (await get('/ui/api/functions', { authorization })).json(), []);
      for (const [path, method] of [
        ['invoke', 'POST'],
        ['functions/x', 'DELETE'],
        ['functions/x/scale', 'POST'],
        ['links', 'POST'],
      ])
        assert.equal((await fetch(`${stage.url}/ui/api/${path}`, { method: method ?? '' })).status, 401, path);
    });

    it('gives a token for a link, once', async () => {
      const { url } = v.parse(linkSchema, await (await post('links', {})).json());
      const key = /^http:\/\/127\.0\.0\.1:\d+\/ui\/#key=([\w-]{32})$/.exec(url)?.[1];
      const answer = await post('session', { key }, {});
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      const { token } = v.parse(sessionSchema, await answer.json());
      assert.equal((await get('/ui/api/functions', { authorization: `Bearer ${token}` })).status, 200);
      const again = await post('session', { key }, {});
      assert.deepEqual(
        [again.status, await problemOf(again)],
        [401, 'this link was used already, or is older than half an hour'],
      );
      assert.equal(
        (await get('/system/functions', { authorization: `Bearer ${token}` })).status,
        401,
        'of the page only',
      );
    });

    it('gives a link to whoever knows the password: bantam local up and status', async () => {
      const gateway = { url: stage.url, ...credentials };
      const link = await askPageLink(gateway, AbortSignal.timeout(20_000));
      const key = link?.slice(`${stage.url}/ui/#key=`.length);
      assert.equal((await post('session', { key }, {})).status, 200);
      assert.equal(await askPageLink({ ...gateway, password: 'x' }, AbortSignal.timeout(20_000)), undefined);
      await stage.stop();
      assert.equal(await askPageLink(gateway, AbortSignal.timeout(20_000)), undefined);
    });

    it('gives a token for user and password', async () => {
      assert.equal((await post('session', {}, { authorization })).status, 200);
      const wrong = await post('session', {}, { authorization: `Basic ${Buffer.from('admin:x').toString('base64')}` });
      assert.deepEqual([wrong.status, await problemOf(wrong)], [401, 'user or password is wrong']);
    });

    it('takes nothing from other pages, whatever their browser adds', async () => {
      for (const headers of [{ origin: 'http://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }])
        assert.equal((await post('invoke', {}, { authorization, ...headers })).status, 403);
      const form = await post('invoke', 'x', { authorization, 'content-type': 'text/plain' });
      assert.deepEqual([form.status, await problemOf(form)], [415, 'the body must be application/json']);
    });

    it('refuses what it cannot read', async () => {
      assert.equal((await post('invoke', '{')).status, 400);
      assert.equal((await post('functions/x/scale', { replicas: 1.5 })).status, 400);
      assert.equal((await post('functions/%00/scale', { replicas: 1 })).status, 404);
      assert.equal((await get('/ui/api/nothing', { authorization })).status, 404);
      assert.equal((await get('/ui/api/invoke', { authorization })).status, 405);
      // The connection may break before all of it is sent.
      const large = await post('invoke', 'x'.repeat(9 << 20)).catch(() => undefined);
      assert.ok(large === undefined || large.status === 413);
    });
  });

  describe('its event stream', () => {
    async function* events(path: string, signal: AbortSignal): AsyncGenerator<PageEvent, void> {
      const answer = await fetch(`${stage.url}/ui/api/${path}`, { headers: { authorization }, signal });
      assert.equal(answer.headers.get('content-type'), 'application/x-ndjson');
      let rest = '';
      for await (const piece of (answer.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
        const lines = (rest + piece).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield v.parse(pageEventSchema, JSON.parse(line));
      }
    }
    let leaving: AbortController;
    beforeEach(() => {
      leaving = new AbortController();
    });
    afterEach(() => leaving.abort());

    /** The next event of a type for which `wanted` holds; others are passed over. */
    async function next<Type extends PageEvent['type']>(
      stream: AsyncGenerator<PageEvent, void>,
      type: Type,
      wanted: (event: Extract<PageEvent, { type: Type }>) => boolean = () => true,
    ): Promise<Extract<PageEvent, { type: Type }>> {
      for (;;) {
        const { value, done } = await stream.next();
        if (done === true) assert.fail(`the stream ended before ${type}`);
        const event = value as Extract<PageEvent, { type: Type }>;
        if (value.type === type && wanted(event)) return event;
      }
    }

    it('tells all, then what changes, and ends with the gateway', async () => {
      stage.provider.limits = ['limits.cpu: not enforced'];
      stage.provider.stage('hello');
      const stream = events('events', leaving.signal);
      assert.deepEqual((await stream.next()).value, {
        type: 'hello',
        run: 'run-1',
        version: '9.9.9',
        dialect: 'faas-netes',
        user: 'admin',
        limits: ['limits.cpu: not enforced'],
      });
      const first = await next(stream, 'functions');
      assert.deepEqual([first.whole, first.changed.map(({ name }) => name)], [true, ['hello']]);

      stage.provider.stage('hello', { availableReplicas: 0, faults: [{ instance: 'hello-x', reason: 'exit code 1' }] });
      const failing = await next(stream, 'functions');
      assert.deepEqual([failing.whole, failing.changed[0]?.condition], [false, 'failing']);
      stage.queued.set('hello', 4);
      assert.equal((await next(stream, 'functions')).changed[0]?.queued, 4);
      stage.provider.states.delete('hello');
      assert.deepEqual((await next(stream, 'functions')).removed, ['hello']);

      stage.provider.stage('called');
      await (await fetch(`${stage.url}/function/called/_/ready`)).text();
      await (await fetch(`${stage.url}/function/called/some/path?password=1`, { method: 'PUT', body: 'abc' })).text();
      const { calls } = await next(stream, 'calls', (event) => event.calls.length > 0);
      assert.deepEqual(
        calls.map(({ function: name, method, path, status, requestBytes }) => [
          name,
          method,
          path,
          status,
          requestBytes,
        ]),
        [['called', 'PUT', '/some/path', 200, 3]],
      );
      const ended = stream.next().catch(() => ({ done: true }));
      await stage.stop();
      assert.equal((await ended).done, true);
    });

    it('follows the log of one function, from its last lines on', async () => {
      stage.provider.stage('hello');
      for (let index = 0; index < 400; index += 1) stage.provider.write('hello', `line ${index}`);
      stage.provider.write('other', 'not asked for');
      const stream = events('events?logs=hello', leaving.signal);
      const got: string[] = [];
      while (got.at(-1) !== 'line 399') got.push(...(await next(stream, 'logs')).lines.map(({ text }) => text));
      assert.ok(got.length <= 300);
      stage.provider.write('hello', 'x'.repeat(20_000));
      assert.match((await next(stream, 'logs')).lines[0]?.text ?? '', /^x{8192} … \(11808 more characters\)$/);
    });

    it('counts what a reader is too slow for, and keeps no more than it shows', async () => {
      stage.provider.stage('hello');
      const stream = events('events?logs=hello', leaving.signal);
      await next(stream, 'functions');
      for (let index = 0; index < 30_000; index += 1) stage.provider.write('hello', `line ${index}`);
      let [lines, skipped, last] = [0, 0, ''];
      while (last !== 'line 29999') {
        const event = await next(stream, 'logs');
        assert.ok(event.lines.length <= 500);
        lines += event.lines.length;
        skipped += event.skipped;
        last = event.lines.at(-1)?.text ?? '';
      }
      assert.equal(lines + skipped, 30_000);
      assert.ok(skipped > 20_000, String(skipped));
    });

    it('leaves nothing behind', async () => {
      stage.provider.stage('hello');
      const before = stage.activity.events.listenerCount('finished');
      const stream = events('events?logs=hello', leaving.signal);
      await next(stream, 'functions');
      assert.equal(stage.activity.events.listenerCount('finished'), before + 1);
      leaving.abort();
      await stream.next().catch(() => undefined);
      while (stage.activity.events.listenerCount('finished') !== before) await new Promise(setImmediate);
      assert.equal(stage.provider.followers, 0);
    });
  });

  describe('its calls', () => {
    beforeEach(() => void stage.provider.stage('hello'));
    const request = (more: Partial<InvokeRequest>): InvokeRequest => ({
      function: 'hello',
      method: 'POST',
      path: '/',
      headers: [],
      body: '',
      asynchronous: false,
      ...more,
    });
    const call = async (more: Partial<InvokeRequest>): Promise<InvokeAnswer & { text: string }> => {
      const answer = await post('invoke', request(more));
      assert.equal(answer.status, 200, await answer.clone().text());
      const decoded = v.parse(invokeAnswerSchema, await answer.json());
      return { ...decoded, text: Buffer.from(decoded.body, 'base64').toString('utf8') };
    };
    const refused = async (more: Partial<InvokeRequest>): Promise<string> => {
      const answer = await post('invoke', request(more));
      assert.equal(answer.status, 400);
      return await problemOf(answer);
    };

    it('carry method, path, headers and body to the function, and bring all of the answer', async () => {
      const path = '/a%2Fb/ü n?x=1&y=%20';
      const { status, text, headers, bytes, cut } = await call({
        path,
        headers: [['Content-Type', 'text/x']],
        body: 'größe',
      });
      assert.deepEqual([status, bytes, cut], [200, Buffer.byteLength(text), undefined]);
      assert.deepEqual(JSON.parse(text), {
        method: 'POST',
        path: '/a%2Fb/%C3%BC%20n?x=1&y=%20',
        type: 'text/x',
        body: 'größe',
      });
      assert.ok(headers.some(([name]) => name.toLowerCase() === 'x-call-id'));
    });

    it('follow no redirect and show cookies', async () => {
      const { status, headers } = await call({ path: '/redirect', method: 'GET' });
      const of = (wanted: string): unknown => headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
      assert.deepEqual([status, of('location'), of('set-cookie')], [302, 'http://example.com/', 'a=b']);
    });

    it('end: what is too long, breaks off or was given up', async () => {
      const large = await call({ path: '/large' });
      assert.deepEqual([large.cut, large.text.length], ['size', 256 << 10]);
      const broken = await call({ path: '/break' });
      assert.deepEqual([broken.cut, broken.text], ['broken', 'half']);
      const leaving = new AbortController();
      const given = fetch(`${stage.url}/ui/api/invoke`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(request({ path: '/never' })),
        signal: leaving.signal,
      });
      while (stage.activity.runningCount === 0) await new Promise(setImmediate);
      leaving.abort();
      await assert.rejects(given);
      while (stage.activity.runningCount > 0) await new Promise(setImmediate);
      assert.equal(stage.activity.finished.at(-1)?.ending, 'client left');
    });

    it('tell of what the gateway itself answers', async () => {
      assert.equal((await call({ function: 'unknown' })).status, 404);
      stage.provider.stage('down', { availableReplicas: 0 });
      assert.equal((await call({ function: 'down' })).status, 503);
    });

    it('are not made with what no request can have', async () => {
      assert.equal(await refused({ method: 'CONNECT' }), '"CONNECT" is no method that a function can be called with');
      assert.equal(await refused({ method: 'get' }), '"get" is no method that a function can be called with');
      assert.match(await refused({ function: '../system/functions' }), /is no name of a function/);
      assert.match(await refused({ function: '..' }), /is no name of a function/);
      assert.equal(await refused({ path: 'x' }), 'the path must begin with a slash');
      assert.match(await refused({ headers: [['A b', 'c']] }), /has characters that no header can have/);
      assert.match(await refused({ headers: [['A', 'b\r\nHost: evil']] }), /has characters that no header can have/);
      assert.equal(await refused({ headers: [['Host', 'evil']] }), 'the header Host is set by the gateway itself');
    });
  });

  describe('its changes', () => {
    it('scale as the dialect has it', async () => {
      stage.provider.stage('hello');
      assert.equal((await post('functions/hello/scale', { replicas: 3 })).status, 200);
      assert.equal(stage.provider.find('hello')?.replicas, 3);
      const unknown = await post('functions/nobody/scale', { replicas: 3 });
      assert.deepEqual([unknown.status, await problemOf(unknown)], [404, 'there is no function nobody']);
    });

    it('remove, and pass on why not', async () => {
      stage.provider.stage('hello');
      const remove = (): Promise<Response> =>
        fetch(`${stage.url}/ui/api/functions/hello`, { method: 'DELETE', headers: { authorization } });
      assert.equal((await remove()).status, 200);
      assert.equal((await remove()).status, 404);
      stage.provider.stage('going', { removing: true });
      const late = await post('functions/going/scale', { replicas: 2 });
      assert.deepEqual(
        [late.status, await problemOf(late)],
        [502, 'the gateway answered 500: Unable to lookup function deployment going'],
      );
    });

    it('tell one function alone', async () => {
      stage.provider.stage('hello');
      const answer = await get('/ui/api/functions/hello', { authorization });
      assert.equal(v.parse(functionViewSchema, await answer.json()).name, 'hello');
      assert.equal((await get('/ui/api/functions/other', { authorization })).status, 404);
    });
  });

  describe('its sizes of images', () => {
    const manifestType = 'application/vnd.oci.image.manifest.v1+json';
    const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
    const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const sizes = async (name: string) =>
      v.parse(sizesSchema, await (await get(`/ui/api/functions/${name}/sizes`, { authorization })).json());

    it('come from the manifests in the gateway’s own registry', async () => {
      const registry = await openEmbeddedRegistry({
        folder: join(stage.folder, 'registry'),
        mayWrite: () => true,
        report: () => undefined,
      });
      await stage.stop();
      stage.registry = registry.handler;
      await stage.start();
      const host = stage.url.replace('http://', '');
      const client = openRegistry({
        credentials: { find: async () => undefined },
        report: () => undefined,
        insecure: [host],
      });
      const hello = { registry: host, repository: 'hello', tag: '1' };
      const put = async (bytes: Uint8Array, mediaType: string) => {
        const blob = {
          digest: digestOf(bytes),
          size: bytes.length,
          open: async () => new Blob([new Uint8Array(bytes)]).stream(),
        };
        await client.putBlob(hello, blob, undefined);
        return { mediaType, digest: blob.digest, size: bytes.length };
      };
      const image = async (architecture: string, variant: string | undefined, layerBytes: number) => {
        const platform = { os: 'linux', architecture, ...(variant === undefined ? {} : { variant }) };
        const config = await put(
          json({ ...platform, rootfs: { type: 'layers', diff_ids: [] } }),
          'application/vnd.oci.image.config.v1+json',
        );
        const layer = await put(new Uint8Array(layerBytes), 'application/vnd.oci.image.layer.v1.tar');
        const bytes = json({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer] });
        return { bytes, size: config.size + layer.size, platform };
      };
      const images = [
        await image('amd64', undefined, 5000),
        await image('arm64', 'v8', 6000),
        await image('arm', 'v7', 7000),
      ];
      for (const { bytes } of images) await client.putManifest(hello, { mediaType: manifestType, bytes }, undefined);
      const index = json({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: images.map(({ bytes, platform }) => ({
          mediaType: manifestType,
          digest: digestOf(bytes),
          size: bytes.length,
          platform,
        })),
      });
      await client.putManifest(hello, { mediaType: 'application/vnd.oci.image.index.v1+json', bytes: index }, '1');
      await client.putManifest(hello, { mediaType: manifestType, bytes: images[1]?.bytes ?? index }, 'single');

      const deploy = (name: string, image: string) => {
        const { deployment } = stage.provider.stage(name);
        stage.provider.stage(name, { deployment: { ...deployment, image } });
      };
      deploy('hello', `${host}/hello:1`);
      deploy('by-digest', `localhost:${new URL(stage.url).port}/hello@${digestOf(index)}`);
      const all = ['linux/amd64', 'linux/arm64', 'linux/arm/v7'].map((platform, at) => ({
        platform,
        bytes: images[at]?.size,
      }));
      assert.deepEqual(await sizes('hello'), { platforms: all });
      assert.deepEqual(await sizes('by-digest'), { platforms: all });
      deploy('single', `${host}/hello:single`);
      assert.deepEqual(await sizes('single'), { platforms: all.slice(1, 2) });
      deploy('absent', `${host}/absent:1`);
      assert.match((await sizes('absent')).unknown ?? '', /absent/);
      await registry.close();
    });

    it('are unknown for images elsewhere, and nothing is asked there', async () => {
      stage.provider.stage('hello');
      assert.deepEqual(await sizes('hello'), {
        platforms: [],
        unknown: "the image lies in registry.lan:5000, not in this gateway's registry",
      });
    });
  });

  it('is in the built program as it is in the sources', async () => {
    const root = new URL('../../', import.meta.url);
    for (const name of ['index.html', 'page.js', 'page.css', 'icon.svg'])
      assert.ok(
        (await readFile(new URL(`dist/page/${name}`, root))).equals(await readFile(join(stage.folder, 'page', name))),
        `${name}: npm run build`,
      );
  });
});
