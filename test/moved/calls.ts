import { createHmac } from 'node:crypto';
import type { Call } from './answer.ts';
import { secrets } from './secrets.ts';

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

const sign = (name: string, body: string | Buffer): string =>
  createHmac('sha256', secrets[name]?.trim() ?? '')
    .update(body)
    .digest('hex');

const push = '{ "repository": {"full_name":"example/functions"},  "zahl": "fünf" }';
const note = JSON.stringify({ text: 'buy an SD card' });
const order = (more: object): string => JSON.stringify({ item: 'pi-5', count: 2, ...more });
const key = { authorization: 'Bearer k3y' };

const refused = {
  why: 'one line with the id of the call, no stack',
  body: /^The request was refused: [^\n]+ \(call [\w-]+\)\.\n$/,
};
const failed = { why: 'an error without a status is 500, not 200', status: 500 };
/** What Express 5 made of this has to be asked for: from `lang` alone nobody knows that a function came from node22. */
const likeNode20 = (body: RegExp): NonNullable<Call['differs']> => ({
  why: 'as node12 to node20, unless node_template says node22',
  body,
  unlessTemplate: 'node22',
});

/** What each function is called with, in this order: some of them remember. */
export const calls: Readonly<Record<string, readonly Call[]>> = {
  echo: [
    { title: 'GET without a body', differs: likeNode20(/"body":\{\}/) },
    {
      title: 'GET with query, path and encoded characters',
      differs: likeNode20(/"y":\{"z":"3"\}.*"body":\{\}/),
      path: '/a%20b/c;d?x=1&x=2&y[z]=3&e=%C3%A4&flag',
    },
    { title: 'text', method: 'POST', body: 'hello', headers: { 'content-type': 'text/plain' } },
    { title: 'body without a type', method: 'POST', body: '{"a":1}' },
    { title: 'JSON', method: 'POST', body: '{"a":[1,{"b":null}]}', headers: json },
    {
      title: 'JSON with a charset',
      differs: refused,
      method: 'POST',
      body: '"x"',
      headers: { 'content-type': 'application/json; charset=utf-8' },
    },
    { title: 'JSON array', method: 'PUT', body: '[1,2]', headers: json },
    { title: 'empty JSON', method: 'POST', body: '', headers: json },
    { title: 'form', method: 'POST', body: 'a=1&a=2&b%5Bc%5D=d+e', headers: form },
    { title: 'XML as text', method: 'POST', body: '<a/>', headers: { 'content-type': 'text/xml' } },
    {
      title: 'a type nobody parses',
      differs: likeNode20(/"body":\{\}/),
      method: 'POST',
      body: 'a,b',
      headers: { 'content-type': 'application/csv' },
    },
    { title: 'DELETE with a body', method: 'DELETE', body: '{"id":1}', headers: json },
    { title: 'HEAD', differs: likeNode20(/^$/), method: 'HEAD' },
    { title: 'OPTIONS', differs: likeNode20(/"body":\{\}/), method: 'OPTIONS' },
    {
      title: 'a path of two slashes',
      differs: { why: 'of-watchdog redirects to the tidied path', status: 200, body: /"path":"\/\/a\/\/"/ },
      path: '//a//',
    },
    {
      title: 'latin-1 text',
      method: 'POST',
      body: Buffer.from([0xe4]),
      headers: { 'content-type': 'text/plain; charset=iso-8859-1' },
    },
    { title: 'broken JSON', differs: refused, method: 'POST', body: '{"a":', headers: json },
    {
      title: 'too long for text',
      differs: refused,
      method: 'POST',
      body: 'a'.repeat(102_401),
      headers: { 'content-type': 'text/plain' },
    },
    {
      title: 'as long as text may be',
      method: 'POST',
      body: 'a'.repeat(102_400),
      headers: { 'content-type': 'text/plain' },
    },
  ],
  'ticket-callback': [
    { title: 'refuses by callback', method: 'GET' },
    { title: 'an Error by callback, with a status', method: 'POST', body: '{}', headers: json },
    {
      title: 'text as error, no status',
      differs: failed,
      method: 'POST',
      body: '{"subject":"explode"}',
      headers: json,
    },
    { title: 'answers later', method: 'POST', body: '{"subject":"hot"}', headers: json },
    {
      title: 'and again',
      differs: { why: 'the process is still the same', body: /"id":2/ },
      method: 'POST',
      body: '{"subject":"slow"}',
      headers: json,
    },
    {
      title: 'throws before it has returned anything',
      differs: { why: 'this ends the official process', status: 500, body: /^the function failed/ },
      method: 'POST',
      body: '{"subject":"now"}',
      headers: json,
    },
  ],
  webhook: [
    {
      title: 'a signed push',
      method: 'POST',
      body: push,
      headers: { ...json, 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${sign('webhook-secret', push)}` },
    },
    {
      title: 'a wrong signature',
      method: 'POST',
      body: push,
      headers: { ...json, 'x-hub-signature-256': 'sha256=00' },
    },
    { title: 'none', method: 'POST', body: push, headers: json },
    {
      title: 'signed, but no JSON',
      method: 'POST',
      body: 'a=1',
      headers: { ...form, 'x-hub-signature-256': `sha256=${sign('webhook-secret', 'a=1')}` },
    },
    {
      title: 'half a megabyte within MAX_RAW_SIZE',
      method: 'POST',
      body: Buffer.alloc(500_000, 0xff),
      headers: { 'content-type': 'application/octet-stream' },
    },
    {
      title: 'more than MAX_RAW_SIZE',
      differs: refused,
      method: 'POST',
      body: Buffer.alloc(1_048_577, 'a'),
      headers: { 'content-type': 'application/octet-stream' },
    },
    { title: 'GET', method: 'GET' },
  ],
  'price-list': [
    { title: 'all' },
    { title: 'nested query', path: '/list?filter[tag]=board&sort=price' },
    { title: 'query with a list', path: '/list?filter[tag][]=board&filter[tag][]=arm64' },
    {
      title: 'total of a posted list',
      method: 'POST',
      path: '/total?currency=USD',
      body: '[{"sku":"pi-4","count":2},{"sku":"sd-64","count":1}]',
      headers: json,
    },
    {
      title: 'throws in a route',
      differs: failed,
      method: 'POST',
      path: '/total',
      body: '[{"sku":"pi-9","count":1}]',
      headers: json,
    },
    { title: 'its package.json', path: '/version' },
    { title: 'no route', path: '/nowhere' },
  ],
  'landing-page': [
    { title: 'page by __dirname', path: '/?name=Gast%20%26%20Co' },
    { title: 'page for a stranger' },
    { title: 'file by ./function', path: '/robots.txt' },
    { title: 'file by /home/app/function', path: '/static/style.css' },
    { title: 'SVG', path: '/static/logo.svg' },
    { title: 'unknown type', path: '/static/none.bin' },
    { title: 'redirect by headerValues', path: '/old' },
    { title: 'where it is', path: '/where' },
    { title: '404 of its own', path: '/nowhere' },
    { title: 'HEAD', method: 'HEAD', path: '/' },
  ],
  'todo-api': [
    { title: 'empty list', path: '/todos' },
    { title: 'create', method: 'POST', path: '/todos', body: '{"title":"flash"}', headers: json },
    { title: 'create another', method: 'POST', path: '/todos', body: '{"title":"mount","done":true}', headers: json },
    { title: 'list', path: '/todos' },
    { title: 'filtered', path: '/todos?done=true' },
    { title: 'one', path: '/todos/2' },
    { title: 'HEAD of one', method: 'HEAD', path: '/todos/2' },
    { title: 'change', method: 'PATCH', path: '/todos/1', body: '{"done":true}', headers: json },
    { title: 'replace', method: 'PUT', path: '/todos/1', body: '{"title":"flash again"}', headers: json },
    {
      title: 'change what is not there',
      differs: failed,
      method: 'PATCH',
      path: '/todos/9',
      body: '{}',
      headers: json,
    },
    { title: 'remove', method: 'DELETE', path: '/todos/1' },
    { title: 'gone', path: '/todos/1' },
    {
      title: 'text instead of JSON',
      method: 'POST',
      path: '/todos',
      body: 'flash',
      headers: { 'content-type': 'text/plain' },
    },
    { title: 'preflight', method: 'OPTIONS', path: '/todos', headers: { origin: 'http://a.example' } },
    { title: 'another method', method: 'PROPFIND', path: '/todos' },
    { title: 'no such collection', path: '/dones' },
  ],
  articles: [
    {
      title: 'Markdown to HTML',
      method: 'POST',
      body: JSON.stringify({
        title: 'Pi & Co',
        published: '2024-02-29T12:00:00Z',
        text: '# Eins\n\n* *zwei*\n* `drei`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n',
        tags: ['x', 'y'],
      }),
      headers: json,
    },
    { title: 'not an article', method: 'POST', body: '{"title":"x","text":5}', headers: json },
    { title: 'no JSON at all', method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } },
    {
      title: 'more than MAX_JSON_SIZE',
      differs: refused,
      method: 'POST',
      body: JSON.stringify({ text: 'x'.repeat(20_480) }),
      headers: json,
    },
  ],
  report: [
    {
      title: 'a view with an include',
      method: 'POST',
      path: '/?title=a%3Cb',
      body: '[{"name":"<one>","value":1},{"name":"two","value":2}]',
      headers: json,
    },
    { title: 'a package that reads files beside itself', path: '/banner?text=Pi%205' },
    { title: 'another of its files', path: '/banner?text=Pi&font=Standard' },
    { title: 'a file that is not there', path: '/banner?font=Nope' },
  ],
  weather: [
    { title: 'asks the station', path: '/?city=Bad%20T%C3%B6lz', headers: { 'x-user': 'anna' } },
    { title: 'no city' },
    { title: 'the station refuses', path: '/?city=Atlantis' },
    { title: 'the station is slow', path: '/?city=Slow' },
  ],
  'contact-form': [
    { title: 'the form', method: 'GET' },
    {
      title: 'sent with nested fields and a list',
      method: 'POST',
      body: 'name=J%C3%BCrgen&address%5Bcity%5D=Ulm&address[zip]=89073&topics[]=pi&topics[]=k3s&agree=on',
      headers: form,
    },
    { title: 'no name', method: 'POST', body: 'agree=on', headers: form },
    { title: 'not agreed', method: 'POST', body: 'name=x', headers: form },
    { title: 'no body at all', method: 'POST' },
    { title: 'JSON instead', method: 'POST', body: '{"name":"a","agree":"on","topics":"one"}', headers: json },
  ],
  avatar: [
    { title: 'an image', path: '/pixel.gif' },
    { title: 'bytes without a type', path: '/bytes' },
    { title: 'bytes that are compressed already', path: '/squeezed', headers: { 'accept-encoding': 'gzip' } },
    { title: 'a download', path: '/download' },
    {
      title: 'uploaded bytes',
      method: 'POST',
      path: '/upload',
      body: Buffer.from([1, 2, 3]),
      headers: { 'content-type': 'image/png' },
    },
    {
      title: 'a multipart upload',
      method: 'POST',
      path: '/upload',
      body: '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
    },
    { title: 'HEAD of an image', method: 'HEAD', path: '/pixel.gif' },
    { title: 'nothing there', path: '/x' },
  ],
  answers: [
    'string',
    'html',
    'empty',
    'nothing',
    'null',
    'object',
    'array',
    'true',
    'false',
    'instance',
    'date',
    'buffer',
    'status-only',
    'status-text',
    'succeed-nothing',
    'succeed-later',
    'succeed-then-value',
    'fail-text',
    'fail-error',
    'fail-object',
    'fail-nothing',
    'fail-with-headers',
    'throw',
    'throw-text',
    'throw-status',
    'header-number',
    'json-string',
    'type-short',
    'type-latin',
    'status-read',
    'no-content',
    'not-modified',
    'unknown',
  ].map((way) => ({ title: way, path: `/${way}`, ...differing(way) })),
  visits: [{ title: 'first' }, { title: 'second' }, { title: 'another page', path: '/?page=a' }],
  commands: [
    { title: 'of a folder, with packages', method: 'POST', body: 'help\nwait 2 days\ndance' },
    { title: 'none' },
  ],
  'go-bare': [{ title: 'an embedded file' }],
  'go-greet': [
    { title: 'GET' },
    { title: 'an empty Response', path: '/?empty' },
    {
      title: 'everything of the request',
      differs: { why: 'Host is filled in', body: /^POST "a=1&b=%20" host="127\.0\.0\.1:\d+" agent=moved\/1 body=hö$/ },
      method: 'POST',
      path: '/some/path?a=1&b=%20',
      body: 'hö',
    },
    { title: 'HEAD', differs: { why: 'Host is filled in', body: /^$/ }, method: 'HEAD' },
  ],
  'go-orders': [
    { title: 'without the key' },
    { title: 'an order', method: 'POST', path: '/?tag=a&tag=b', body: order({}), headers: key },
    { title: 'no order', method: 'POST', body: 'two pis', headers: key },
    { title: 'an error with body, headers and status', method: 'POST', body: order({ count: 101 }), headers: key },
    { title: 'a query that is none', method: 'POST', path: '/?a=%zz', body: order({}), headers: key },
  ],
  'go-stats': [
    { title: 'a sum in euro', method: 'POST', path: '/?euro', body: '1, 2.5,3' },
    { title: 'again, in nothing', method: 'POST', body: '4' },
    { title: 'no numbers', method: 'POST', body: '1,x' },
  ],
  'go-site': [
    { title: 'page', path: '/?name=%3Cb%3E' },
    { title: 'file of ./static', path: '/static/css/site.css' },
    { title: 'part of a file', path: '/static/about.txt', headers: { range: 'bytes=2-5' } },
    { title: 'file by /home/app/static', path: '/about' },
    { title: 'listing', path: '/static/css/' },
    { title: 'no such file', path: '/static/none' },
    { title: 'redirect', path: '/old' },
    { title: 'where it is', path: '/where' },
    { title: 'nothing there', path: '/x' },
    { title: 'HEAD', method: 'HEAD', path: '/static/about.txt' },
  ],
  'go-notes': [
    { title: 'none yet', path: '/notes' },
    { title: 'unsigned', method: 'POST', path: '/notes', body: note },
    {
      title: 'signed',
      method: 'POST',
      path: '/notes',
      body: note,
      headers: { ...json, 'x-signature': sign('notes-key', note) },
    },
    {
      title: 'signed, but no note',
      method: 'POST',
      path: '/notes',
      body: 'x',
      headers: { 'x-signature': sign('notes-key', 'x') },
    },
    { title: 'one', path: '/notes/1' },
    { title: 'not there', path: '/notes/2' },
    { title: 'another method', method: 'DELETE', path: '/notes' },
    {
      title: 'streamed',
      differs: {
        why: 'it is streamed, so its length is not known',
        body: /^\{"line":0\}\n\{"line":1\}\n\{"line":2\}\n$/,
      },
      path: '/stream',
    },
  ],
  'go-ids': [
    { title: 'from YAML', method: 'POST', body: 'names:\n  - pi-0.example\n  - pi-1.example\n' },
    { title: 'not YAML', method: 'POST', body: 'a: b: c' },
    { title: 'no UUID', method: 'POST', body: 'space: nowhere' },
    { title: 'nothing' },
  ],
  'go-vendored': [{ title: 'by name', path: '/?name=Ada' }, { title: 'nobody' }],
};

function differing(way: string): Pick<Call, 'differs'> {
  if (/^(throw|throw-text|unknown)$/.test(way)) return { differs: failed };
  if (way === 'type-short') return { differs: { why: 'Express 4 dies of it', status: 500, body: /failed/ } };
  return {};
}
