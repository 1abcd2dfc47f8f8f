/** One request, as it goes over the wire. */
export interface EventRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Text, or bytes in base64. Undefined: no body and no header that speaks of one. */
  readonly body?: string | { readonly base64: string };
}

/** A handler as people write them for the official Node templates, and what it is asked. The name is the key in the recordings. */
export interface EventCase {
  readonly name: string;
  /** Text of handler.js, CommonJS. */
  readonly handler: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly request?: EventRequest;
}

/** Answers with what the event holds: a Buffer by its hexadecimal digits, undefined by its name. */
const echo = `module.exports = async (event) => ({
  kind: event.body === undefined ? 'undefined' : Buffer.isBuffer(event.body) ? 'buffer' : typeof event.body,
  body: Buffer.isBuffer(event.body) ? event.body.toString('hex') : event.body,
  type: event.headers['content-type'],
  method: event.method,
  query: event.query,
  path: event.path,
  own: Object.keys(event).sort(),
});
`;

const answering = (expression: string): string => `module.exports = async (event, context) => ${expression};\n`;

const post = (type: string | undefined, body: EventRequest['body'], headers = {}): EventRequest => ({
  method: 'POST',
  headers: { ...(type === undefined ? {} : { 'Content-Type': type }), ...headers },
  ...(body === undefined ? {} : { body }),
});

const form = 'application/x-www-form-urlencoded';
const gzipOfHello = 'H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==';
const raw = { RAW_BODY: 'true' };

/** Requests to the handler that echoes its event. */
const requests: readonly (EventCase & { readonly request: EventRequest })[] = [
  ['GET without a body', { path: '/' }],
  ['path and query', { path: '/a/b%20c/?x=1&y=two%20words' }],
  ['query with a list and a map', { path: '/?a=1&a=2&b[c]=3&d[]=4&e' }],
  ['query with a name of Object.prototype', { path: '/?toString=1&__proto__=2' }],
  [
    'query with twenty-five entries of one list',
    { path: `/?${Array.from({ length: 25 }, (_, i) => `a[]=${i}`).join('&')}` },
  ],
  ['a path with dots', { path: '/a/../b/.' }],
  ['a path with dots that are escaped', { path: '/a%2f/%2e%2e/b' }],
  ['a path with characters that a URL would escape', { path: '/a"b|c^`{}' }],
  ['a path that begins with two slashes', { path: '//a//b' }],
  ['a path and a fragment', { path: '/x#h?y=1' }],
  ['a query and a fragment', { path: '/x?y=1?z#h=2' }],
  ['a path that names a host', { path: 'http://other.example/a/../b?x=1' }],
  ['a path that cannot be unescaped', { path: '/%zz' }],
  ['GET with a body', { ...post('text/plain', 'hello'), method: 'GET' }],
  ['DELETE', { method: 'DELETE', path: '/items/7' }],
  ['PUT of JSON', { ...post('application/json', '{"a":1}'), method: 'PUT' }],
  ['OPTIONS', { method: 'OPTIONS' }],
  ['HEAD', { method: 'HEAD' }],
  ['a method that is rare', { method: 'PROPFIND' }],
  ['JSON', post('application/json', '{"a":{"b":[1,null]}}')],
  ['JSON with a charset', post('application/json; charset=utf-8', '{"a":"ü"}')],
  ['JSON with a charset that is none of Unicode', post('application/json; charset=latin1', '{}')],
  ['JSON, empty', post('application/json', '')],
  ['JSON, blank', post('application/json', ' ')],
  ['JSON that is a number', post('application/json', '1')],
  ['JSON that is broken', post('application/json', '{"a":')],
  [
    'JSON in UTF-16',
    post('application/json; charset=utf-16', { base64: Buffer.from('{"a":1}', 'utf16le').toString('base64') }),
  ],
  ['JSON with a byte order mark', post('application/json', '\ufeff{"a":1}')],
  ['JSON of another name', post('application/vnd.api+json', '{"a":1}')],
  ['JSON above the limit', post('application/json', JSON.stringify('x'.repeat(110_000)))],
  [
    'JSON above the limit, in pieces',
    post('application/json', JSON.stringify('x'.repeat(110_000)), { 'Transfer-Encoding': 'chunked' }),
  ],
  ['text', post('text/plain', 'hello')],
  ['text in pieces', post('text/plain', 'hello', { 'Transfer-Encoding': 'chunked' })],
  ['text without a type', post(undefined, 'hello')],
  ['text in Latin 1', post('text/plain; charset=iso-8859-1', { base64: 'Z3L8bg==' })],
  ['text in a charset that nobody knows', post('text/plain; charset=klingon', 'hello')],
  ['text, empty', post('text/plain', '')],
  ['text above the limit', post('text/html', 'x'.repeat(102_401))],
  ['XML', post('text/xml', '<a/>')],
  ['text, compressed', post('text/plain', { base64: gzipOfHello }, { 'Content-Encoding': 'gzip' })],
  ['text, said to be compressed', post('text/plain', 'hello', { 'Content-Encoding': 'gzip' })],
  ['text, compressed in a way nobody knows', post('text/plain', 'hello', { 'Content-Encoding': 'snappy' })],
  ['a form', post(form, 'a=1&b=two+words&c=%C3%BC')],
  ['a form with lists and maps', post(form, 'a[]=1&a[]=2&b[c][d]=3&e=4&e=5')],
  ['a form with a name of Object.prototype', post(form, 'hasOwnProperty=1')],
  ['a form, empty', post(form, '')],
  ['a form in Latin 1', post(`${form}; charset=iso-8859-1`, 'a=%FC')],
  ['a form with 1001 fields', post(form, Array.from({ length: 1001 }, (_, i) => `f${i}=1`).join('&'))],
  ['a form that is too deep', post(form, `a${'[b]'.repeat(40)}=1`)],
  ['bytes', post('application/octet-stream', { base64: 'AAEC/w==' })],
  ['text in UTF-7', post('text/plain; charset=utf-7', 'hello')],
  ['a type that is none', post('nonsense', 'hello')],
  ['a type without its second half', post('text/', 'hello')],
  ['a type of three parts', post('text/a/b', 'hello')],
  ['two types', post('text/plain,text/html', 'hello')],
  ['a type that ends in a semicolon', post('application/json;', '{"a":1}')],
  ['a type with half a parameter', post('text/plain; charset', 'hello')],
  ['a type with an empty charset', post('text/plain; charset=""', 'hello')],
  ['a type with a charset in quotes', post('text/plain; format=flowed ; charset="UTF-8"', 'hello')],
].map(([name, request]) => ({ name: `event: ${name as string}`, handler: echo, request: request as EventRequest }));

const configured: readonly EventCase[] = [
  {
    name: 'text at the limit',
    handler: answering('String(event.body.length)'),
    request: post('text/csv', 'x'.repeat(102_400)),
  },
  { name: 'RAW_BODY: text', handler: echo, environment: raw, request: post('text/plain', 'hello') },
  { name: 'RAW_BODY: JSON', handler: echo, environment: raw, request: post('application/json', '{"a":') },
  { name: 'RAW_BODY: bytes', handler: echo, environment: raw, request: post('image/png', { base64: 'AAEC/w==' }) },
  { name: 'RAW_BODY: no type', handler: echo, environment: raw, request: post(undefined, 'hello') },
  { name: 'RAW_BODY: no body', handler: echo, environment: raw },
  {
    name: 'RAW_BODY: compressed',
    handler: echo,
    environment: raw,
    request: post('text/plain', { base64: gzipOfHello }, { 'Content-Encoding': 'gzip' }),
  },
  {
    name: 'RAW_BODY: above the limit',
    handler: echo,
    environment: { ...raw, MAX_RAW_SIZE: '4' },
    request: post('text/plain', 'hello'),
  },
  {
    name: 'RAW_BODY: at the limit',
    handler: echo,
    environment: { ...raw, MAX_RAW_SIZE: '5' },
    request: post('text/plain', 'hello'),
  },
  { name: 'RAW_BODY that is 1', handler: echo, environment: { RAW_BODY: '1' }, request: post('text/plain', 'hello') },
  {
    name: 'MAX_JSON_SIZE: above',
    handler: echo,
    environment: { MAX_JSON_SIZE: '1kb' },
    request: post('application/json', JSON.stringify(['x'.repeat(1100)])),
  },
  {
    name: 'MAX_JSON_SIZE: below, larger than the default',
    handler: answering('event.body[0].length + ""'),
    environment: { MAX_JSON_SIZE: '1mb' },
    request: post('application/json', JSON.stringify(['x'.repeat(200_000)])),
  },
];

/** Handlers that are asked `GET /` unless said otherwise. */
const answers: readonly EventCase[] = [
  {
    name: 'the sample of the template',
    handler:
      "'use strict';\nmodule.exports = async (event, context) => context.status(200).succeed({ body: JSON.stringify(event.body), type: event.headers['content-type'] });\n",
  },
  ...(
    [
      ['text', '"hello"'],
      ['text that is empty', '""'],
      ['text with an umlaut', '"ü"'],
      ['a number', '42'],
      ['a number that is a status', '404'],
      ['true', 'true'],
      ['false', 'false'],
      ['null', 'null'],
      ['nothing', 'undefined'],
      ['a map', '({ a: 1 })'],
      ['a list', '[1, "two"]'],
      ['a date', 'new Date(0)'],
      ['a map without a prototype', 'Object.assign(Object.create(null), { a: 1 })'],
      ['an instance', 'new (class Answer { a = 1 })()'],
      ['bytes', 'Buffer.from([0, 1, 255])'],
      ['bytes without any', 'Buffer.alloc(0)'],
      ['bytes of another kind', 'new Uint8Array([1, 2])'],
      ['a function', '(() => 1)'],
      ['a symbol', 'Symbol("a")'],
      ['a big integer', '1n'],
      ['a map that holds a big integer', '({ a: 1n })'],
      ['a map that holds itself', '(() => { const a = {}; a.a = a; return a; })()'],
      ['context.succeed of text', 'context.succeed("hello")'],
      ['context.succeed of nothing', 'context.succeed()'],
      ['a status', 'context.status(201).succeed({ a: 1 })'],
      ['a status that is text', 'context.status("202").succeed("a")'],
      ['a status that is none', 'context.status(99).succeed("a")'],
      ['a status above 599', 'context.status(799).succeed("a")'],
      ['a status with a fraction', 'context.status(200.5).succeed("a")'],
      ['204', 'context.status(204).succeed("a")'],
      ['205', 'context.status(205).succeed("a")'],
      ['304', 'context.status(304).succeed("a")'],
      [
        'a redirect',
        'context.status(302).headers({ Location: "https://example.com/?a=ü".normalize("NFD").replace("\\u0308", "") }).succeed()',
      ],
      ['headers', 'context.headers({ "X-A": 1, "x-b": ["1", 2], "X-C": undefined, "X-D": true }).succeed("a")'],
      ['cookies', 'context.headers({ "Set-Cookie": ["a=1; Path=/", "b=2"] }).succeed("a")'],
      ['a type', 'context.headers({ "Content-Type": "application/json" }).succeed({ a: 1 })'],
      ['a type in small letters', 'context.headers({ "content-type": "text/css" }).succeed("a{}")'],
      ['a type with a charset', 'context.headers({ "Content-Type": "text/plain; charset=iso-8859-1" }).succeed("ü")'],
      ['a type with other parameters', 'context.headers({ "Content-Type": "Text/Plain; format=flowed" }).succeed("a")'],
      ['a type that has no charset', 'context.headers({ "Content-Type": "image/svg+xml" }).succeed("<svg/>")'],
      ['a type for bytes', 'context.headers({ "Content-Type": "image/png" }).succeed(Buffer.from([1]))'],
      ['a text type for bytes', 'context.headers({ "Content-Type": "text/html" }).succeed(Buffer.from("a"))'],
      ['a JSON type for bytes', 'context.headers({ "Content-Type": "application/json" }).succeed(Buffer.from("{}"))'],
      ['a type that is short', 'context.headers({ "Content-Type": "json" }).succeed(Buffer.from("{}"))'],
      ['a type that is a list', 'context.headers({ "Content-Type": ["text/plain"] }).succeed("a")'],
      ['a length that is wrong', 'context.headers({ "Content-Length": "3" }).succeed("hello")'],
      ['an entity tag', 'context.headers({ ETag: "\\"mine\\"" }).succeed("hello")'],
      ['headers that cannot be sent', 'context.headers({ "X-A": "a\\nb" }).succeed("a")'],
      ['header names that cannot be sent', 'context.headers({ "X A": "b" }).succeed("a")'],
      ['headers that are text', 'context.headers("ab").succeed("a")'],
      ['context.fail of text', 'context.fail("no")'],
      ['context.fail of an error', 'context.fail(new Error("no"))'],
      ['context.fail with a status', 'context.status(404).fail("not here")'],
      [
        'context.fail with headers',
        'context.headers({ "Content-Type": "application/json", "X-A": "1" }).fail("not here")',
      ],
      ['context.fail of a map', 'context.fail({ a: 1 })'],
      ['context.fail of nothing', 'context.fail()'],
      ['context.fail of something without toString', 'context.fail(Object.create(null))'],
      [
        'what a context knows',
        '({ own: Object.keys(context).sort(), status: context.status(), headers: context.headers(), cb: typeof context.cb, called: context.cbCalled, chain: context.status(200) === context && context.headers({}) === context })',
      ],
      ['a header read back', '(context.headers({ a: "1" }), context.headers())'],
      ['a status by its field', '(context.statusCode = 418, "teapot")'],
      ['headers by their field', '(context.headerValues["X-A"] = "1", "a")'],
      ['what succeed returns', 'typeof context.succeed("hello")'],
      ['the environment', 'process.env.GREETING'],
      ['an error thrown', '{ throw new Error("boom") }'],
      ['text thrown', '{ throw "boom" }'],
      ['nothing thrown', '{ throw undefined }'],
      ['an error thrown after a status', '{ context.status(400); throw new TypeError("bad") }'],
      ['succeed, and an error thrown after it', '{ context.succeed("first"); throw new Error("boom") }'],
      ['succeed twice', '{ context.succeed("first"); context.succeed("second") }'],
      ['succeed, then another value returned', '{ context.succeed("first"); return "second" }'],
      ['succeed after a while', '{ await new Promise((done) => setTimeout(done, 20)); context.succeed("late"); }'],
      ['a stream', 'require("stream").Readable.from(["a"])'],
    ] as const
  ).map(
    ([name, expression]): EventCase => ({
      name: `answer: ${name}`,
      handler: answering(expression),
      environment: { GREETING: 'from the environment' },
    }),
  ),
  { name: 'handler: not async', handler: 'module.exports = (event, context) => "sync";\n' },
  {
    name: 'handler: not async, succeeds',
    handler: 'module.exports = (event, context) => { context.succeed("sync"); };\n',
  },
  { name: 'handler: not async, throws', handler: 'module.exports = () => { throw new Error("boom"); };\n' },
  { name: 'handler: returns a promise', handler: 'module.exports = () => Promise.resolve({ a: 1 });\n' },
  {
    name: 'handler: calls back at once',
    handler: 'module.exports = (event, context, callback) => { callback(undefined, { status: "done" }); };\n',
  },
  {
    name: 'handler: calls back with an error',
    handler: 'module.exports = (event, context, callback) => { callback(new Error("no")); };\n',
  },
  {
    name: 'handler: calls back with an error and a status',
    handler: 'module.exports = (event, context, callback) => { context.status(502); callback("no"); };\n',
  },
  {
    name: 'handler: calls back after it has returned',
    handler: 'module.exports = (event, context, callback) => { setTimeout(() => callback(null, "late"), 20); };\n',
  },
  {
    name: 'handler: succeeds after it has returned',
    handler: 'module.exports = (event, context) => { setTimeout(() => context.succeed("late"), 20); };\n',
  },
  {
    name: 'handler: calls back in a promise',
    handler:
      'module.exports = (event, context, callback) => new Promise((done) => setTimeout(() => { callback(null, "late"); done(); }, 20));\n',
  },
  { name: 'handler: a promise that nothing is done with', handler: 'module.exports = async () => {};\n' },
  {
    name: 'handler: what it knows of itself',
    handler:
      '"use strict";\nmodule.exports = async function () { return [typeof this, arguments.length, typeof arguments[2]]; };\n',
  },
  {
    name: 'handler: an exports property beside',
    handler: 'module.exports = async () => "function";\nmodule.exports.handler = async () => "property";\n',
  },
  {
    name: 'cache: an entity tag that fits',
    handler: answering('"hello"'),
    request: { headers: { 'If-None-Match': 'W/"5-qvTGHdzF6KLavt4PO0gs2a6pQ00"' } },
  },
  {
    name: 'cache: an entity tag that does not fit',
    handler: answering('"hello"'),
    request: { headers: { 'If-None-Match': 'W/"5-other"' } },
  },
  {
    name: 'cache: a fitting entity tag, POST',
    handler: answering('"hello"'),
    request: { method: 'POST', headers: { 'If-None-Match': '*' } },
  },
  {
    name: 'cache: a fitting entity tag, 404',
    handler: answering('context.status(404).succeed("hello")'),
    request: { headers: { 'If-None-Match': '*' } },
  },
  {
    name: 'cache: a fitting entity tag and no-cache',
    handler: answering('"hello"'),
    request: { headers: { 'If-None-Match': '*', 'Cache-Control': 'no-cache' } },
  },
  { name: 'HEAD of bytes', handler: answering('Buffer.alloc(7)'), request: { method: 'HEAD' } },
  {
    name: 'headers: two of one name',
    handler: answering('event.headers["x-a"] + "|" + event.headers.cookie'),
    request: { headers: { 'X-A': ['1', '2'], Cookie: ['a=1', 'b=2'] } },
  },
  {
    name: 'headers: cookies as an answer has them',
    handler: answering('event.headers["set-cookie"]'),
    request: { headers: { 'Set-Cookie': ['a=1', 'b=2'] } },
  },
  {
    name: 'headers: two of a name that is to be there once',
    handler: answering('[event.headers["user-agent"], event.headers.referer]'),
    request: { headers: { 'User-Agent': ['first', 'second'], Referer: ['first', 'second'] } },
  },
];

/** All that is recorded and compared. */
export const eventCases: readonly EventCase[] = [...requests, ...configured, ...answers];
