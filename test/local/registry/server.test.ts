import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { openEmbeddedRegistry } from '../../../cli/local/registry/server.ts';
import { mediaTypes } from '../../../cli/oci/media-types.ts';
import { temporaryFolder } from '../../e2e/program.ts';
import {
  digestOf,
  manifestOf,
  pushBlob,
  pushImage,
  pushManifest,
  type RunningRegistry,
  startRegistry,
} from './running-registry.ts';

describe('the embedded registry', () => {
  let running: RunningRegistry;
  beforeEach(async () => {
    running = await startRegistry();
  });
  afterEach(() => running[Symbol.asyncDispose]());

  /** Everything that a reader could be given, from the disk. */
  const storedFiles = async (): Promise<string[]> =>
    (await Promise.all(['sha256', 'sha512'].map((name) => readdir(join(running.folder, 'blobs', name))))).flat();
  const begin = async (repository: string): Promise<string> => {
    const begun = await running.ask('POST', `${repository}/blobs/uploads/`);
    assert.equal(begun.status, 202);
    return begun.headers.get('location') ?? '';
  };
  const until = async (what: () => Promise<boolean> | boolean): Promise<void> => {
    for (let tries = 0; !(await what()); tries += 1) {
      assert.ok(tries < 2000, 'it never came true');
      await sleep(10);
    }
  };

  it('keeps what was pushed over a restart: images, tags that differ in case only, uploads that were begun', async () => {
    const { host } = running;
    const small = await pushImage(host, 'lab/hello', 'v1', ['{}', 'layer one']);
    const large = await pushImage(host, 'lab/hello', 'V1', ['{}', 'layer two']);
    const place = await begin('lab/hello');
    const half = await running.ask('PATCH', place, 'first half, ', { 'content-range': '0-11' });
    assert.equal(half.status, 202, half.text);
    await running.restart();

    assert.equal((await running.ask('GET', 'lab/hello/manifests/v1')).text, small);
    assert.equal((await running.ask('GET', 'lab/hello/manifests/V1')).text, large);
    assert.deepEqual(JSON.parse((await running.ask('GET', 'lab/hello/tags/list')).text), {
      name: 'lab/hello',
      tags: ['V1', 'v1'],
    });
    const status = await running.ask('GET', place);
    assert.deepEqual([status.status, status.headers.get('range')], [204, '0-11']);
    const whole = 'first half, second half';
    const end = await running.ask('PUT', `${place}?digest=${digestOf(whole)}`, 'second half');
    assert.equal(end.status, 201, end.text);
    assert.equal((await running.ask('GET', `lab/hello/blobs/${digestOf(whole)}`)).text, whole);
  });

  it('names no file after what clients say, and refuses names that lead elsewhere', async () => {
    for (const name of [
      '../../x',
      'a/../b',
      'A',
      'a//b',
      '.a',
      'a/',
      '%2e%2e/%2e%2e/x',
      'a%2F..%2Fb',
      'a'.repeat(256),
    ]) {
      // fetch would tidy the dots away.
      const [status, body] = await rawAsk('PUT', `/v2/${name}/manifests/latest`, '{}');
      assert.equal(status, 400, name);
      assert.match(body, /"code":"NAME_INVALID"/, name);
    }
    assert.equal((await rawAsk('PUT', '/v2/a/manifests/..%2f..%2fetc', '{}'))[0], 404);
    for (const reference of ['.hidden', 'a%20b', 'sha256:abc', `${'t'.repeat(129)}`])
      assert.equal((await rawAsk('PUT', `/v2/a/manifests/${reference}`, '{}'))[0], 400, reference);
    const [missing] = await rawAsk('GET', '/v2/a/blobs/uploads/..%2f..%2fjournal.ndjson', '');
    assert.equal(missing, 404);
    assert.deepEqual((await readdir(running.folder)).sort(), ['blobs', 'journal.ndjson', 'uploads']);
  });

  async function rawAsk(method: string, path: string, body: string): Promise<[status: number, body: string]> {
    const [hostname, port] = running.host.split(':');
    const sent = request({ hostname, port, method, path, agent: false });
    sent.end(body);
    const [answer] = await once(sent, 'response');
    let text = '';
    for await (const piece of answer) text += String(piece);
    return [answer.statusCode, text];
  }

  it('makes nothing visible of an upload that breaks off or is not what it says, and takes it again as it was', async () => {
    const bytes = randomBytes(300_000);
    const digest = digestOf(bytes);
    const place = await begin('a');
    const [hostname, port] = running.host.split(':');
    const broken = request({
      hostname,
      port,
      method: 'PUT',
      path: `${place}?digest=${digest}`,
      headers: { 'content-length': bytes.length },
      agent: false,
    });
    broken.on('error', () => undefined);
    broken.write(bytes.subarray(0, 200_000));
    await until(() => running.registry.usage().uploadBytes === 200_000);
    broken.destroy();
    await until(() => running.registry.usage().uploadBytes === 0);
    assert.equal((await running.ask('HEAD', `a/blobs/${digest}`)).status, 404);
    assert.deepEqual(await storedFiles(), []);

    // The same request once more: what arrived of the first one does not count.
    const again = await running.ask('PUT', `${place}?digest=${digest}`, bytes);
    assert.equal(again.status, 201, again.text);

    const wrong = await running.ask('POST', `a/blobs/uploads/?digest=${digestOf('something else')}`, 'this');
    assert.deepEqual([wrong.status, wrong.codes], [400, ['DIGEST_INVALID']]);
    assert.match(wrong.text, new RegExp(digestOf('this')));
    const wrongManifest = await pushManifest(running.host, 'a', digestOf('x'), manifestOf(['{}']));
    assert.deepEqual([wrongManifest.status, wrongManifest.codes], [400, ['DIGEST_INVALID']]);
    assert.deepEqual(await storedFiles(), [digest.slice(7)]);
    assert.deepEqual(await readdir(join(running.folder, 'uploads')), []);
  });

  it('takes a chunk only if it is as long as it says, also where its length comes with it', async () => {
    const place = await begin('a');
    const send = async (range: string, body: string): Promise<number> => {
      const answer = await fetch(`http://${running.host}${place}`, {
        method: 'PATCH',
        headers: { 'content-range': range },
        body: ReadableStream.from([Buffer.from(body)]),
        duplex: 'half',
      } as RequestInit);
      await answer.arrayBuffer();
      return answer.status;
    };
    assert.equal(await send('0-9', 'short'), 416);
    assert.equal(await send('0-3', 'longer than it says'), 416);
    assert.equal(running.registry.usage().uploadBytes, 0);
    assert.equal(await send('0-4', 'right'), 202);
    const ended = await running.ask('PUT', `${place}?digest=${digestOf('right')}`);
    assert.equal(ended.status, 201, ended.text);
  });

  it('takes a manifest only when all that it names is there, and keeps what it does not know as it is', async () => {
    const { host } = running;
    await pushBlob(host, 'a', '{}');
    const incomplete = await pushManifest(host, 'a', 'latest', manifestOf(['{}', 'missing layer']));
    assert.deepEqual([incomplete.status, incomplete.codes], [404, ['MANIFEST_BLOB_UNKNOWN']]);
    assert.match(incomplete.text, new RegExp(digestOf('missing layer')));
    assert.equal((await running.ask('GET', 'a/manifests/latest')).status, 404);
    await pushBlob(host, 'b', 'missing layer');
    assert.equal((await pushManifest(host, 'a', 'latest', manifestOf(['{}', 'missing layer']))).status, 404);

    const strange = '<html><script>alert(1)</script>';
    assert.equal((await pushManifest(host, 'a', 'page', strange, 'text/html')).status, 201);
    const page = await running.ask('GET', 'a/manifests/page');
    assert.equal(page.text, strange);
    assert.equal(page.headers.get('content-type'), 'text/html');
    // It comes from the gateway's origin, for which a browser may know the password.
    assert.match(page.headers.get('content-security-policy') ?? '', /sandbox/);
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');

    for (const [text, mediaType, words] of [
      ['no json', mediaTypes.ociManifest, /no JSON/],
      ['[]', mediaTypes.ociIndex, /no JSON object|Invalid/],
      [manifestOf(['{}']), mediaTypes.dockerManifest, /calls itself/],
      [manifestOf(['{}'], { manifests: [] }), mediaTypes.ociManifest, /an index and an image at once/],
      ['{"schemaVersion":2,"layers":[]}', mediaTypes.ociManifest, /config/],
      [`{"schemaVersion":2,"manifests":${'['.repeat(600)}`, mediaTypes.ociIndex, /no JSON/],
    ] as const) {
      const refused = await pushManifest(host, 'a', 'bad', text, mediaType);
      assert.deepEqual([refused.status, refused.codes], [400, ['MANIFEST_INVALID']], refused.text);
      assert.match(refused.text, words);
    }
    const huge = await pushManifest(host, 'a', 'bad', `{"x":"${'y'.repeat(4 << 20)}"}`, 'application/x');
    assert.deepEqual([huge.status, huge.codes], [413, ['SIZE_INVALID']]);
  });

  it('reads parts, answers what is already known with 304, and refuses parts that are not there', async () => {
    const bytes = randomBytes(10_000);
    await pushBlob(running.host, 'a', bytes);
    const path = `a/blobs/${digestOf(bytes)}`;
    const part = async (range: string) => {
      const { status, headers, bytes } = await running.ask('GET', path, undefined, { range });
      return [status, headers.get('content-range'), bytes.length];
    };
    assert.deepEqual(await part('bytes=0-0'), [206, 'bytes 0-0/10000', 1]);
    assert.deepEqual(await part('bytes=9000-'), [206, 'bytes 9000-9999/10000', 1000]);
    assert.deepEqual(await part('bytes=-10'), [206, 'bytes 9990-9999/10000', 10]);
    assert.deepEqual(await part('bytes=0-99999'), [206, 'bytes 0-9999/10000', 10_000]);
    assert.deepEqual((await part('bytes=10000-')).slice(0, 2), [416, 'bytes */10000']);
    assert.deepEqual((await part('bytes=5-4')).slice(0, 2), [416, 'bytes */10000']);
    assert.deepEqual(await part('bytes=0-1,5-6'), [200, null, 10_000]);
    assert.deepEqual(await part('lines=1-2'), [200, null, 10_000]);
    const known = await running.ask('GET', path, undefined, { 'if-none-match': `"${digestOf(bytes)}"` });
    assert.deepEqual([known.status, known.bytes.length], [304, 0]);
    const middle = await running.ask('GET', path, undefined, { range: 'bytes=100-199' });
    assert.ok(middle.bytes.equals(bytes.subarray(100, 200)));
  });

  it('lists 500 repositories and many tags in pages', async () => {
    const { host } = running;
    const names = Array.from({ length: 500 }, (_, index) => `team-${index % 7}/fn-${String(index).padStart(3, '0')}`);
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] });
    const push = (name: string, tag: string) => pushManifest(host, name, tag, manifest, mediaTypes.ociIndex);
    const statuses = await Promise.all(names.map(async (name) => (await push(name, 'latest')).status));
    assert.deepEqual(new Set(statuses), new Set([201]));
    await running.restart();
    const listed: string[] = [];
    for (let path: string | undefined = '/v2/_catalog?n=120'; path !== undefined; ) {
      const page = await running.ask('GET', path);
      listed.push(...(JSON.parse(page.text) as { repositories: string[] }).repositories);
      path = /^<(.+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1];
    }
    assert.deepEqual(listed, [...names].sort());
    assert.equal(running.registry.usage().repositories, 500);
    // The same index everywhere: each content is there once.
    assert.equal(running.registry.usage().blobs, 1);
    for (const tag of ['b', 'B', 'a', 'C']) await push('team-0/fn-000', tag);
    const tags = await running.ask('GET', 'team-0/fn-000/tags/list?n=2&last=a');
    assert.deepEqual((JSON.parse(tags.text) as { tags: string[] }).tags, ['B', 'b']);
    assert.match(tags.headers.get('link') ?? '', /n=2&last=b>/);
    assert.equal((await running.ask('GET', 'team-0/fn-000/tags/list?n=two')).status, 400);
    assert.deepEqual((await running.ask('GET', 'nobody/here/tags/list')).codes, ['NAME_UNKNOWN']);
  });

  it('takes the same blob from twenty clients at once, and keeps it once', async () => {
    const bytes = randomBytes(200_000);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => pushBlob(running.host, `team/fn-${index % 4}`, bytes)),
    );
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    assert.deepEqual(await storedFiles(), [digestOf(bytes).slice(7)]);
    assert.equal(running.registry.usage().bytes, 200_000);
    for (let index = 0; index < 4; index += 1)
      assert.ok((await running.ask('GET', `team/fn-${index}/blobs/${digestOf(bytes)}`)).bytes.equals(bytes));
    assert.equal((await running.ask('GET', `team/fn-4/blobs/${digestOf(bytes)}`)).status, 404);
  });

  it('lets one request at a time write to an upload', async () => {
    const place = await begin('a');
    const [hostname, port] = running.host.split(':');
    const headers = { 'content-length': 2000 };
    const slow = request({ hostname, port, method: 'PATCH', path: place, headers, agent: false });
    slow.write(Buffer.alloc(1000));
    await until(() => running.registry.usage().uploadBytes === 1000);
    const other = await running.ask('PATCH', place, 'x');
    assert.deepEqual([other.status, other.codes], [409, ['BLOB_UPLOAD_INVALID']]);
    slow.end(Buffer.alloc(1000));
    const [answer] = await once(slow, 'response');
    assert.deepEqual([answer.statusCode, answer.headers.range], [202, '0-1999']);
    assert.equal((await running.ask('DELETE', place)).status, 204);
    assert.deepEqual((await running.ask('GET', place)).codes, ['BLOB_UPLOAD_UNKNOWN']);
  });

  it('lists what belongs to an image with its annotations, in pages no larger than clients read', async () => {
    const { host } = running;
    const image = await pushImage(host, 'a', 'latest', ['{}']);
    const subject = { mediaType: mediaTypes.ociManifest, digest: digestOf(image), size: image.length };
    const pushed: string[] = [];
    for (let index = 0; index < 6; index += 1) {
      const artifactType = `application/vnd.test.${index % 2}`;
      const manifest = manifestOf(['{}'], { subject, artifactType, annotations: { note: `${index}`.repeat(1 << 20) } });
      const answer = await pushManifest(host, 'a', digestOf(manifest), manifest);
      assert.equal(answer.headers.get('oci-subject'), subject.digest);
      pushed.push(digestOf(manifest));
    }
    const found: string[] = [];
    let pages = 0;
    for (let path: string | undefined = `/v2/a/referrers/${subject.digest}`; path !== undefined; pages += 1) {
      const page = await running.ask('GET', path);
      assert.ok(page.bytes.length <= 4 << 20);
      found.push(...(JSON.parse(page.text) as { manifests: { digest: string }[] }).manifests.map((one) => one.digest));
      path = /^<(.+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1];
    }
    assert.deepEqual([found.sort(), pages], [pushed.sort(), 2]);
    const filtered = await running.ask('GET', `a/referrers/${subject.digest}?artifactType=application/vnd.test.1`);
    assert.equal(filtered.headers.get('oci-filters-applied'), 'artifactType');
    assert.equal((JSON.parse(filtered.text) as { manifests: unknown[] }).manifests.length, 3);
    const none = await running.ask('GET', `nobody/referrers/${subject.digest}`);
    assert.deepEqual([none.status, (JSON.parse(none.text) as { manifests: unknown[] }).manifests], [200, []]);
  });

  it('ends a client that falls silent, sending or reading, and keeps nothing of it', async () => {
    await using hasty = await startRegistry({ silence: 200 });
    const bytes = randomBytes(8 << 20);
    assert.equal((await pushBlob(hasty.host, 'a', bytes)).status, 201);
    const [hostname = '', port] = hasty.host.split(':');
    const sending = request({
      hostname,
      port,
      method: 'POST',
      path: `/v2/a/blobs/uploads/?digest=${digestOf('xy')}`,
      headers: { 'content-length': 2 },
      agent: false,
    });
    sending.write('x');
    const failed = once(sending, 'error');
    await Promise.race([failed, once(sending, 'response')]);
    await until(async () => (await readdir(join(hasty.folder, 'uploads'))).length === 0);
    assert.equal(hasty.registry.usage().uploadBytes, 0);

    const reading = connect(Number(port), hostname);
    reading.write(`GET /v2/a/blobs/${digestOf(bytes)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(reading, 'readable');
    // Nothing is read from here on; the server gives up by itself, and this end then finds less than the whole.
    const gaveUp = () => hasty.events.some((event) => event.type === 'trace' && /GET .*went away/.test(event.text));
    await until(gaveUp);
    let read = 0;
    for await (const piece of reading) read += (piece as Buffer).length;
    assert.ok(read < bytes.length, `${read} bytes`);
    assert.deepEqual(
      hasty.events.filter(({ type }) => type === 'warning'),
      [],
    );
  });

  it('answers whatever is asked without failing', async () => {
    const image = await pushImage(running.host, 'a', 'v1', ['{}', 'layer']);
    const place = (await begin('a')).slice('/v2/'.length);
    const part = fc.oneof(
      fc.constantFrom(
        'a',
        'a/b',
        '_catalog',
        'tags/list',
        'blobs',
        'uploads',
        'manifests',
        'referrers',
        'v1',
        '',
        '..',
      ),
      fc.constantFrom(digestOf(image), digestOf('layer'), 'sha512:00', `sha256:${'F'.repeat(64)}`, '%', '%00', '%2f'),
      fc.constant(place),
      fc.string({ maxLength: 12 }).map(encodeURI),
    );
    const query = fc.constantFrom(
      '',
      '?n=-1',
      '?n=0&last=%FF',
      '?digest=x',
      `?digest=${digestOf('{}')}`,
      '?mount=x',
      '?',
    );
    const headers = fc.constantFrom<Record<string, string>[]>(
      {},
      { range: 'bytes=9-1' },
      { range: 'bytes=99999999999999999999-' },
      { 'content-range': 'bytes */*' },
      { 'content-range': '0-18446744073709551615' },
      { 'content-type': 'a\u00ffb' },
      { authorization: 'Bearer a.b.c' },
      { 'if-none-match': '"' },
    );
    const body = fc.constantFrom(
      undefined,
      '',
      '{}',
      '{"schemaVersion":2,"manifests":[{"digest":1}]}',
      '{"subject":[]}',
      '[',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
        fc.array(part, { maxLength: 4 }),
        query,
        headers,
        body,
        async (method, parts, search, sent, text) => {
          const without = method === 'GET' || method === 'HEAD';
          const answer = await running.ask(method, `${parts.join('/')}${search}`, without ? undefined : text, sent);
          assert.ok(answer.status < 500, `${answer.status} ${answer.text}`);
          if (answer.status >= 400 && method !== 'HEAD') assert.equal(answer.codes.length, 1, answer.text);
        },
      ),
      { numRuns: 300 },
    );
    assert.deepEqual(
      running.events.filter(({ type }) => type === 'warning'),
      [],
    );
  });

  it('says what does not exist, and which methods do', async () => {
    assert.deepEqual((await running.ask('GET', 'a/nothing/here')).status, 404);
    const patched = await running.ask('PATCH', 'a/manifests/latest', '{}');
    assert.deepEqual([patched.status, patched.headers.get('allow')], [405, 'GET, HEAD, PUT, DELETE']);
    assert.deepEqual((await running.ask('GET', 'a/manifests/latest')).codes, ['NAME_UNKNOWN']);
    assert.deepEqual((await running.ask('GET', `a/blobs/${digestOf('x')}`)).codes, ['BLOB_UNKNOWN']);
    const place = await begin('a');
    assert.deepEqual((await running.ask('PUT', place)).codes, ['DIGEST_INVALID']);
    assert.deepEqual((await running.ask('PUT', `${place}?digest=md5:abc`)).codes, ['DIGEST_INVALID']);
    assert.deepEqual((await running.ask('GET', place.replace('/v2/a/', '/v2/b/'))).codes, ['BLOB_UPLOAD_UNKNOWN']);
    const early = await running.ask('PATCH', place, 'xyz', { 'content-range': '5-7' });
    assert.deepEqual([early.status, early.headers.get('range'), early.codes], [416, '0-0', ['BLOB_UPLOAD_INVALID']]);
  });

  it('forgets, when opened, what the disk lost, and says so', async () => {
    const { host, folder } = running;
    await pushImage(host, 'a', 'good', ['{}', 'kept']);
    await pushImage(host, 'b', 'lost', ['{"b":1}', 'cut short']);
    await writeFile(join(folder, 'blobs/sha256', digestOf('cut short').slice(7)), 'cut');
    await writeFile(join(folder, 'blobs/sha256', digestOf('nobody has it').slice(7)), 'nobody has it');
    await running.restart();
    assert.equal((await running.ask('GET', `b/blobs/${digestOf('cut short')}`)).status, 404);
    assert.equal((await running.ask('GET', `a/blobs/${digestOf('kept')}`)).text, 'kept');
    assert.equal((await storedFiles()).includes(digestOf('nobody has it').slice(7)), false);
    const warnings = running.events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
    assert.match(warnings.join('\n'), /1 blob\(s\) or manifest\(s\) are missing or cut short/);
    // It can be pushed again.
    assert.equal((await pushBlob(host, 'b', 'cut short')).status, 201);
  });
});

describe('the folder of the embedded registry', () => {
  it('may be taken away while it runs: what helps is said, and it serves again when it is back', async () => {
    await using running = await startRegistry();
    await pushBlob(running.host, 'a', 'there');
    await rename(running.folder, `${running.folder}.away`);
    for (const answer of [
      await pushBlob(running.host, 'a', 'new'),
      await running.ask('GET', `a/blobs/${digestOf('there')}`),
    ]) {
      assert.deepEqual([answer.status, answer.codes], [500, ['UNKNOWN']]);
      assert.match(answer.text, /removed from its folder while it ran \(ENOENT\); start the gateway anew/);
    }
    await rename(`${running.folder}.away`, running.folder);
    assert.equal((await pushBlob(running.host, 'a', 'new')).status, 201);
  });

  it('is refused with a code when it is no folder', async () => {
    await using place = await temporaryFolder();
    await mkdir(join(place.path, '.bantam'));
    const folder = join(place.path, '.bantam/registry');
    await writeFile(folder, 'a file');
    await assert.rejects(openEmbeddedRegistry({ folder, mayWrite: () => true, report: () => undefined }), {
      code: 'BAN-E635',
      message: /\.bantam\/registry of the local registry cannot be used \(E(?:EXIST|NOTDIR)\)/,
    });
  });
});
