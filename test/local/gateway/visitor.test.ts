import assert from 'node:assert/strict';
import { refuseVisitor } from '../../../cli/local/gateway/visitor.ts';

const own = '127.0.0.1:8585';
const hosts = new Set(['192.168.1.7', 'gateway.openfaas', 'pi-dev.lan']);

/** What a request with these headers is answered, as a status; 0: it is let in. */
function judge(method: string, url: string, headers: Record<string, string>): number {
  const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return refuseVisitor({ method, url, headers: named, rawHeaders: Object.entries(headers).flat() }, hosts)?.status ?? 0;
}

describe('who may ask a local gateway', () => {
  describe('by the name it was called', () => {
    for (const host of [
      own,
      'localhost:8585',
      'LOCALHOST',
      'localhost.:8585',
      '127.9.9.9',
      '[::1]:8585',
      'fn.localhost:1',
      '192.168.1.7:8585',
      'pi-dev.lan',
      'gateway.openfaas:8080',
    ])
      it(`${host} is let in`, () => {
        for (const path of ['/system/info', '/function/fn', '/healthz', '/v2/', '/ui/'])
          assert.equal(judge('GET', path, { Host: host }), 0);
      });
    for (const host of [
      'evil.example',
      'evil.example:8585',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '127.0.0.1@evil.example',
      '192.168.1.8',
      '0.0.0.0:8585',
      '[::2]',
      '127.0.0.1:8585:1',
      'x-localhost',
    ])
      it(`${host} is not (a name that leads here is no proof)`, () => {
        for (const path of [
          '/system/info',
          '/function/fn',
          '/async-function/fn',
          '/healthz',
          '/metrics',
          '/v2/',
          '/ui/',
        ])
          assert.equal(judge('GET', path, { Host: host }), 403);
      });
    it('two names are none', () => assert.equal(judge('GET', '/function/fn', { Host: own, host: own }), 400));
    it('no name is that of a program of HTTP/1.0', () => assert.equal(judge('GET', '/healthz', {}), 0));
  });

  describe('for which page', () => {
    const paths = {
      api: '/system/functions',
      registry: '/v2/hello/blobs/uploads/',
      page: '/ui/',
      call: '/function/fn/x',
      later: '/async-function/fn',
    };
    const calls = new Set([paths.call, paths.later]);
    const forPages = new Set([...calls, paths.page]);
    const table: readonly [string, Record<string, string>, (path: string) => boolean][] = [
      ['a program', {}, () => true],
      [
        'a page of this gateway',
        { Origin: `http://${own}`, 'Sec-Fetch-Site': 'same-origin' },
        (path) => forPages.has(path),
      ],
      ['a page of this gateway in an old browser', { Origin: `http://${own}` }, (path) => forPages.has(path)],
      [
        'a page that hides its address, of this gateway',
        { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' },
        (path) => forPages.has(path),
      ],
      [
        'what somebody types',
        { 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' },
        (path) => forPages.has(path),
      ],
      [
        'the user’s own page on another port',
        { Origin: 'http://localhost:5173', 'Sec-Fetch-Site': 'cross-site' },
        (path) => calls.has(path),
      ],
      [
        'the user’s own page on another port, same name',
        { Origin: 'http://127.0.0.1:5173', 'Sec-Fetch-Site': 'same-site' },
        (path) => calls.has(path),
      ],
      [
        'a picture in the user’s own page',
        {
          'Sec-Fetch-Site': 'cross-site',
          'Sec-Fetch-Mode': 'no-cors',
          'Sec-Fetch-Dest': 'image',
          Referer: 'http://localhost:5173/',
        },
        (path) => calls.has(path),
      ],
      ['a page of elsewhere', { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }, () => false],
      ['a page of elsewhere in an old browser', { Origin: 'https://evil.example' }, () => false],
      ['a page whose name begins like ours', { Origin: `http://${own}.evil.example` }, () => false],
      ['a page without an address', { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }, () => false],
      ['a file', { Origin: 'null' }, () => false],
      [
        'a picture in a page of elsewhere',
        {
          'Sec-Fetch-Site': 'cross-site',
          'Sec-Fetch-Mode': 'no-cors',
          'Sec-Fetch-Dest': 'image',
          Referer: 'https://evil.example/',
        },
        () => false,
      ],
      [
        'a script in a page that hides',
        { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script' },
        () => false,
      ],
      [
        'a frame in a page of elsewhere',
        {
          'Sec-Fetch-Site': 'cross-site',
          'Sec-Fetch-Mode': 'navigate',
          'Sec-Fetch-Dest': 'iframe',
          Referer: 'https://evil.example/',
        },
        () => false,
      ],
      [
        'a form of elsewhere',
        {
          Origin: 'https://evil.example',
          'Sec-Fetch-Site': 'cross-site',
          'Sec-Fetch-Mode': 'navigate',
          'Sec-Fetch-Dest': 'document',
        },
        () => false,
      ],
      [
        'a link of elsewhere',
        {
          'Sec-Fetch-Site': 'cross-site',
          'Sec-Fetch-Mode': 'navigate',
          'Sec-Fetch-Dest': 'document',
          Referer: 'https://evil.example/',
        },
        (path) => forPages.has(path),
      ],
    ];
    for (const [who, headers, mayAsk] of table)
      it(who, () => {
        for (const path of Object.values(paths))
          for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS'])
            assert.equal(judge(method, path, { Host: own, ...headers }), mayAsk(path) ? 0 : 403, `${method} ${path}`);
      });
    it('a page of the gateway’s own address beyond loopback', () => {
      const itself = { Host: '192.168.1.7:8585', Origin: 'http://192.168.1.7:8585' };
      assert.equal(judge('POST', '/ui/api/session', itself), 0);
      assert.equal(judge('POST', '/system/functions', itself), 403);
      assert.equal(judge('POST', '/function/fn', { Host: own, Origin: 'http://192.168.1.7:3000' }), 0);
      assert.equal(judge('POST', '/system/functions', { Host: own, Origin: 'http://192.168.1.7:8585' }), 403);
    });
  });

  it('a browser is shown what is for browsers, however it writes a path', () => {
    const typed = { Host: own, 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' };
    for (const path of ['/', '/?x', '/ui', '/ui/', '/ui?x', '/ui/page.js', '/healthz', '/metrics'])
      for (const site of ['same-origin', 'none'])
        assert.equal(judge('GET', path, { ...typed, 'Sec-Fetch-Site': site }), 0, path);
    for (const path of ['/system', '/%73ystem/functions', '//system/functions', '/v2/', '/%762/', '/uix', '/metrics/x'])
      assert.equal(judge('GET', path, typed), 403, path);
    assert.match(
      refuseVisitor(
        { method: 'GET', url: '/system/info', headers: { host: own, 'sec-fetch-site': 'none' }, rawHeaders: [] },
        hosts,
      )?.body ?? '',
      /^this is for programs such as faas-cli, docker and curl; in a browser, open \/ui\/\n$/,
    );
  });

  it('a function’s page may not stand between the browser and other functions', () => {
    const script = { Host: own, 'Sec-Fetch-Site': 'same-origin', 'Service-Worker': 'script' };
    for (const path of ['/function/fn', '/function/fn?x=/', '/function/fn.openfaas-fn'])
      assert.equal(judge('GET', path, script), 403, path);
    for (const path of ['/function/fn/', '/function/fn/worker.js']) assert.equal(judge('GET', path, script), 0, path);
  });

  describe('with a body of the type that forms send', () => {
    for (const type of [
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain;charset=UTF-8',
      'TEXT/PLAIN',
    ])
      it(`${type}: not /system, but functions`, () => {
        const headers = { Host: own, 'Content-Type': type };
        for (const method of ['POST', 'PUT', 'DELETE']) assert.equal(judge(method, '/system/functions', headers), 415);
        assert.equal(judge('GET', '/system/functions', headers), 0);
        assert.equal(judge('POST', '/function/fn', headers), 0);
        assert.equal(judge('POST', '/async-function/fn', headers), 0);
      });
    it('others, and none, are read', () => {
      for (const type of ['application/json', 'application/octet-stream', ''])
        assert.equal(
          judge('POST', '/system/functions', { Host: own, ...(type === '' ? {} : { 'Content-Type': type }) }),
          0,
        );
    });
  });

  it('is told why, in one line without what could be markup or control characters', () => {
    const refusal = refuseVisitor(
      { method: 'GET', url: '/', headers: { host: `evil\u001b[31m${'x'.repeat(500)}` }, rawHeaders: [] },
      hosts,
    );
    assert.match(
      refusal?.body ?? '',
      /^this gateway is not evil\?\[31mx{1,100}: call it by 127\.0\.0\.1, localhost or [^\n]+\n$/,
    );
    assert.equal(refusal?.headers?.['X-Content-Type-Options'], 'nosniff');
  });
});
