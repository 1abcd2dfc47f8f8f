import assert from 'node:assert/strict';
import { createServer as createTcpServer, type Server } from 'node:net';
import { type ErrorCode, Interrupted, UserError } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { basicCredentials } from '../../cli/openfaas/authorization.ts';
import { openGateway } from '../../cli/openfaas/client.ts';
import type { Gateway } from '../../cli/openfaas/gateway.ts';
import type { LogLine } from '../../cli/openfaas/wire.ts';
import { portOf, type ScriptedGateway, startScriptedGateway } from './scripted-gateway.ts';

describe('gateway client', () => {
  let far: ScriptedGateway;
  let gateway: Gateway;
  const events: Event[] = [];
  beforeEach(async () => {
    events.length = 0;
    far = await startScriptedGateway();
    gateway = openGateway({
      url: `${far.url}/`,
      credentials: basicCredentials('admin', 'geheim'),
      report: (event) => events.push(event),
    });
  });
  afterEach(() => far.close());

  const json = (value: unknown, status = 200): { status: number; headers: Record<string, string>; body: string } => ({
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  });

  it('sends basic credentials, and traces requests without them', async () => {
    far.expect('GET /system/info', json({ provider: { provider: 'faasd', orchestration: 'containerd' }, arch: '' }));
    const info = await gateway.info();
    assert.equal(info.provider?.provider, 'faasd');
    assert.equal(far.seen[0]?.headers.authorization, `Basic ${Buffer.from('admin:geheim').toString('base64')}`);
    assert.equal(far.seen[0]?.headers.connection, 'close');
    assert.match(JSON.stringify(events), /GET .*\/system\/info → 200/);
    assert.doesNotMatch(JSON.stringify(events), /geheim|YWRtaW4/);
  });

  it('sends tokens, the login of the address, or nothing', async () => {
    const reply = json({ provider: null, version: null });
    far.expect('GET /system/info', reply).expect('GET /system/info', reply).expect('GET /system/info', reply);
    await openGateway({ url: far.url, credentials: { kind: 'bearer', token: 'abc' } }).info();
    await openGateway({ url: far.url.replace('//', '//me:p%C3%A4ss@') }).info();
    await openGateway({ url: far.url }).info();
    assert.deepEqual(
      far.seen.map(({ headers }) => headers.authorization),
      ['Bearer abc', `Basic ${Buffer.from('me:päss').toString('base64')}`, undefined],
    );
  });

  it('reads functions, with the empty fields that providers leave out', async () => {
    far.expect(
      'GET /system/functions?namespace=dev',
      json([
        { name: 'a', image: 'x', labels: null },
        { name: 'b', image: 'y', replicas: 2, availableReplicas: 1, invocationCount: 3.5, usage: { cpu: 1 } },
      ]),
    );
    far.expect('GET /system/functions', { status: 200, body: 'null' });
    far.expect('GET /system/function/hello?namespace=dev', {
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: '{"name":"hello","annotations":{"a":"b"}}',
    });
    far.expect('GET /system/function/nope', { status: 404 });
    const list = await gateway.list('dev');
    assert.deepEqual(
      list.map(({ name, replicas, availableReplicas }) => [name, replicas, availableReplicas]),
      [
        ['a', 0, 0],
        ['b', 2, 1],
      ],
    );
    assert.deepEqual(await gateway.list(), []);
    assert.deepEqual((await gateway.read('hello', 'dev'))?.annotations, { a: 'b' });
    assert.equal(await gateway.read('nope'), undefined);
  });

  it('hands the answer to a write through, whatever its status, its body cut', async () => {
    const deployment = { service: 'hello', image: 'x', labels: {}, annotations: {}, namespace: undefined };
    far
      .expect('POST /system/functions', { status: 202 })
      .expect('PUT /system/functions', { status: 500, body: 'x'.repeat(9000) });
    far
      .expect('DELETE /system/functions', { status: 404, body: 'service nope not found' })
      .expect('POST /system/scale-function/hello?namespace=dev', { status: 202 });
    assert.deepEqual(await gateway.create(deployment), { status: 202, body: '' });
    const answer = await gateway.update(deployment);
    assert.deepEqual([answer.status, answer.body.length], [500, 4096]);
    assert.deepEqual(await gateway.remove('nope'), { status: 404, body: 'service nope not found' });
    assert.equal((await gateway.scale('hello', 3, 'dev')).status, 202);
    assert.deepEqual(
      far.seen.map(({ body }) => JSON.parse(body)),
      [
        { service: 'hello', image: 'x', labels: {}, annotations: {} },
        { service: 'hello', image: 'x', labels: {}, annotations: {} },
        { functionName: 'nope' },
        { serviceName: 'hello', replicas: 3, namespace: 'dev' },
      ],
    );
    assert.equal(far.seen[0]?.headers['content-type'], 'application/json');
  });

  it('lists secrets by name', async () => {
    far.expect('GET /system/secrets', {
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: '[{"name":"tok","namespace":"openfaas-fn"}]',
    });
    assert.deepEqual(
      (await gateway.secrets()).map(({ name }) => name),
      ['tok'],
    );
  });

  const page = {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '\n<!DOCTYPE html>\n<html><title>Router</title></html>',
  };
  const bad: readonly [string, Parameters<ScriptedGateway['expect']>[1], ErrorCode, RegExp, RegExp][] = [
    [
      '401',
      { status: 401, headers: { 'www-authenticate': 'Basic realm="Restricted"' }, body: 'invalid credentials' },
      'BAN-E402',
      /refuses the credentials \(401, "invalid credentials"\)/,
      /bantam login --gateway http:\/\/127/,
    ],
    ['403', { status: 403 }, 'BAN-E402', /403, nothing/, /bantam login/],
    [
      'a redirect to the web page',
      { status: 301, headers: { location: '/ui/' }, body: '<a href="/ui/">' },
      'BAN-E403',
      /redirected to \/ui\/ \(301\)/,
      /gateway’s address/,
    ],
    [
      'a redirect to another host',
      { status: 308, headers: { location: 'https://faas.lan/system/info' } },
      'BAN-E403',
      /redirected to https:\/\/faas\.lan/,
      /is it at https:\/\/faas\.lan now\?/,
    ],
    ['a web page', page, 'BAN-E403', /a web page \(200\), beginning "<!DOCTYPE html>"/, /gateway’s address/],
    ['a web page without a type', { ...page, headers: {} }, 'BAN-E403', /a web page/, /gateway’s address/],
    ['a 404 page', { ...page, status: 404 }, 'BAN-E403', /a web page \(404\)/, /gateway’s address/],
    [
      'a plain 404',
      { status: 404, body: '404 page not found\n' },
      'BAN-E403',
      /not found there \(404, "404 page not found"\)/,
      /gateway’s address/,
    ],
    [
      'text that is no JSON',
      { status: 200, body: 'It works!' },
      'BAN-E403',
      /answered "It works!", which is no JSON/,
      /gateway’s address/,
    ],
    ['nothing', { status: 200 }, 'BAN-E403', /answered nothing, which is no JSON/, /gateway’s address/],
    ['half a JSON', { status: 200, body: '{"provider":' }, 'BAN-E403', /no JSON/, /gateway’s address/],
    [
      'some other JSON',
      json({ hello: 'world' }),
      'BAN-E405',
      /unknown shape: .*neither "provider" nor "version"/,
      /gateway’s address/,
    ],
    [
      'JSON of another shape',
      json({ provider: { provider: 5 } }),
      'BAN-E405',
      /unknown shape: provider\.provider: .*5/,
      /gateway’s address/,
    ],
    ['502 of a gateway without provider', { status: 502 }, 'BAN-E405', /with 502, nothing/, /reach its provider/],
    ['502 page of a proxy', { ...page, status: 502 }, 'BAN-E405', /with 502/, /reach its provider/],
    ['500', { status: 500, body: 'boom' }, 'BAN-E405', /with 500, "boom"/, /log/],
    [
      'the complaint of a TLS port',
      { status: 400, body: 'Client sent an HTTP request to an HTTPS server.\n' },
      'BAN-E403',
      /expects https/,
      /try https:\/\/127/,
    ],
  ];
  for (const [title, reply, code, message, hint] of bad) {
    it(`explains ${title}`, async () => {
      far.expect('GET /system/info', reply);
      await assert.rejects(gateway.info(), (error) => {
        assert.ok(error instanceof UserError, String(error));
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.match(error.hint ?? '', hint);
        assert.doesNotMatch(`${error.message}${error.hint}`, /geheim|YWRtaW4/);
        return true;
      });
    });
  }

  it('judges writes the same way where no gateway speaks, and leaves a proxy’s 503 to the dialect', async () => {
    const deployment = { service: 'hello', image: 'x' };
    far
      .expect('PUT /system/functions', { status: 401 })
      .expect('PUT /system/functions', { status: 301, headers: { location: '/ui/' } })
      .expect('PUT /system/functions', { ...page, status: 404 })
      .expect('PUT /system/functions', { ...page, status: 503 });
    await assert.rejects(gateway.update(deployment), { code: 'BAN-E402' });
    await assert.rejects(gateway.update(deployment), { code: 'BAN-E403' });
    await assert.rejects(gateway.update(deployment), { code: 'BAN-E403' });
    assert.equal((await gateway.update(deployment)).status, 503);
  });

  it('says that no credentials were sent, if so', async () => {
    far.expect('GET /system/functions', { status: 401, body: 'invalid credentials' });
    await assert.rejects(openGateway({ url: far.url }).list(), /refuses requests without credentials/);
  });

  it('names /ui in the address as the mistake it is', async () => {
    far.expect('GET /ui/system/info', page);
    await assert.rejects(openGateway({ url: `${far.url}/ui` }).info(), {
      hint: `/ui is the gateway’s web page: use ${far.url}`,
    });
  });

  it('says where in a list the shape is wrong', async () => {
    far.expect('GET /system/functions', json([{ name: 'a' }, { name: 'b', replicas: 'two' }]));
    await assert.rejects(gateway.list(), /1\.replicas/);
  });

  it('gives up on a gateway that hangs, before the head and in the body', async () => {
    const patient = openGateway({ url: far.url, timeouts: { read: 60, write: 60 } });
    far
      .expect('GET /system/info', (_request, _response) => {})
      .expect('GET /system/info', (_request, response) => void response.writeHead(200).write('{'))
      .expect('PUT /system/functions', (_request, _response) => {});
    for (const call of [
      () => patient.info(),
      () => patient.info(),
      () => patient.update({ service: 'a', image: 'b' }),
    ]) {
      await assert.rejects(
        call,
        (error) =>
          error instanceof UserError &&
          error.code === 'BAN-E401' &&
          /did not answer (GET|PUT) .* within 0\.06 s/.test(error.message),
      );
    }
  });

  it('explains a connection that is closed, and knows the gateway without Prometheus', async () => {
    far
      .expect('GET /system/functions', (request, _response) => void request.socket.destroy())
      .expect('GET /system/info', (_request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"a"', () => response.destroy());
      });
    await assert.rejects(
      gateway.list(),
      (error) => error instanceof UserError && error.code === 'BAN-E401' && /Prometheus/.test(error.hint ?? ''),
    );
    await assert.rejects(
      gateway.info(),
      (error) => error instanceof UserError && error.code === 'BAN-E401' && /closed the connection/.test(error.message),
    );
  });

  it('explains refused connections, unknown names and other protocols', async () => {
    const refused = openGateway({ url: await addressOfNobody() });
    await assert.rejects(
      refused.info(),
      (error) =>
        error instanceof UserError &&
        error.code === 'BAN-E401' &&
        /connection refused/.test(error.message) &&
        /port-forward/.test(error.hint ?? ''),
    );
    await assert.rejects(
      openGateway({ url: 'http://no-such-host.invalid:8080' }).info(),
      (error) =>
        error instanceof UserError &&
        error.code === 'BAN-E401' &&
        /no-such-host\.invalid cannot be resolved/.test(error.message),
    );
    await assert.rejects(
      openGateway({ url: far.url.replace('http:', 'https:') }).info(),
      (error) =>
        error instanceof UserError &&
        error.code === 'BAN-E401' &&
        /does not speak TLS/.test(error.message) &&
        error.hint === `try ${far.url}`,
    );
    const talker = createTcpServer((socket) => socket.end('220 mail.lan ESMTP\r\n'));
    await listen(talker);
    try {
      await assert.rejects(
        openGateway({ url: `http://127.0.0.1:${portOf(talker)}` }).info(),
        (error) => error instanceof UserError && error.code === 'BAN-E403' && /does not speak HTTP/.test(error.message),
      );
    } finally {
      talker.close();
    }
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    far.expect('GET /system/info', (_request, _response) => stop.abort());
    await assert.rejects(gateway.info(stop.signal), Interrupted);
    await assert.rejects(gateway.list(undefined, stop.signal), Interrupted);
  });

  describe('logs', () => {
    it('reads lines cut anywhere, blank ones and a last one without an end', async () => {
      const text =
        '{"name":"a","instance":"pod-1","timestamp":"2026-01-02T03:04:05Z","text":"grüße\\n"}\n\n{"name":"a","instance":"7","text":"two"}\n\n{"name":"a","text":"three"}';
      far.expect(
        'GET /system/logs?name=a&namespace=dev&tail=5&since=2026-01-01T00%3A00%3A00Z&follow=false&instance=pod-1',
        (_request, response) => void sendBytes(response, Buffer.from(text)),
      );
      const lines: LogLine[] = [];
      for await (const line of gateway.logs({
        name: 'a',
        namespace: 'dev',
        tail: 5,
        since: '2026-01-01T00:00:00Z',
        instance: 'pod-1',
      }))
        lines.push(line);
      assert.deepEqual(
        lines.map(({ instance, text }) => [instance, text]),
        [
          ['pod-1', 'grüße\n'],
          ['7', 'two'],
          ['', 'three'],
        ],
      );
    });

    it('follows beyond the deadline of reads until it is aborted', async () => {
      const patient = openGateway({ url: far.url, timeouts: { read: 80 } });
      const stop = new AbortController();
      let closed: (() => void) | undefined;
      const gone = new Promise<void>((resolve) => {
        closed = resolve;
      });
      far.expect('GET /system/logs?name=a&follow=true', (_request, response) => {
        response.on('close', () => closed?.());
        response.write('{"text":"0"}\n');
        let number = 0;
        const timer = setInterval(() => response.write(`{"text":"${++number}"}\n`), 30);
        response.on('close', () => clearInterval(timer));
      });
      const texts: string[] = [];
      await assert.rejects(async () => {
        for await (const { text } of patient.logs({ name: 'a', follow: true }, stop.signal)) {
          texts.push(text);
          if (texts.length === 6) stop.abort();
        }
      }, Interrupted);
      assert.deepEqual(texts, ['0', '1', '2', '3', '4', '5']);
      await gone;
    });

    it('closes the connection when its reader stops', async () => {
      let closed: (() => void) | undefined;
      const gone = new Promise<void>((resolve) => {
        closed = resolve;
      });
      far.expect('GET /system/logs?name=a&follow=true', (_request, response) => {
        response.on('close', () => closed?.());
        response.write('{"text":"0"}\n');
      });
      for await (const line of gateway.logs({ name: 'a', follow: true })) {
        assert.equal(line.text, '0');
        break;
      }
      await gone;
    });

    it('explains what is no log', async () => {
      far
        .expect('GET /system/logs?name=a&follow=false', { status: 500, body: 'unknown log request error' })
        .expect('GET /system/logs?name=a&follow=false', { status: 401 })
        .expect('GET /system/logs?name=a&follow=false', { status: 200, body: 'hello\n' });
      const drain = async (): Promise<void> => {
        for await (const line of gateway.logs({ name: 'a' })) assert.fail(JSON.stringify(line));
      };
      await assert.rejects(drain(), { code: 'BAN-E405' });
      await assert.rejects(drain(), { code: 'BAN-E402' });
      await assert.rejects(drain(), { code: 'BAN-E403' });
    });
  });

  describe('invoke', () => {
    it('passes bytes, headers, method and path, and no credentials', async () => {
      far.expect('PATCH /function/hello.dev/items?id=3', {
        status: 418,
        headers: { 'x-call-id': '7', 'set-cookie': 'a=1' },
        body: 'tea',
      });
      const answer = await gateway.invoke({
        name: 'hello',
        namespace: 'dev',
        method: 'PATCH',
        path: '/items?id=3',
        headers: { 'content-type': 'text/x' },
        body: Buffer.from('Pi π'),
      });
      assert.deepEqual(
        [answer.status, answer.headers.get('x-call-id'), await new Response(answer.body).text()],
        [418, '7', 'tea'],
      );
      const seen = far.seen[0];
      assert.deepEqual(
        [seen?.body, seen?.headers['content-type'], seen?.headers['content-length'], seen?.headers.authorization],
        ['Pi π', 'text/x', '5', undefined],
      );
    });

    it('streams both ways', async () => {
      far.expect('POST /function/echo', (request, response) => {
        response.writeHead(200);
        request.pipe(response);
      });
      const ways = new TransformStream<Uint8Array, Uint8Array>();
      const writer = ways.writable.getWriter();
      const sent = writer.write(Buffer.from('one'));
      const answer = await gateway.invoke({ name: 'echo', method: 'POST', body: ways.readable });
      const reader = answer.body?.getReader();
      assert.equal(
        Buffer.from((await reader?.read())?.value ?? []).toString(),
        'one',
        'the first part came back before the last was sent',
      );
      await sent;
      await writer.write(Buffer.from('two'));
      assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), 'two');
      await writer.close();
      assert.equal((await reader?.read())?.done, true);
    });

    it('queues, returns redirects as they are, and takes answers without a body', async () => {
      far
        .expect('POST /async-function/hello', { status: 202, headers: { 'x-call-id': '9' } })
        .expect('GET /function/hello', { status: 301, headers: { location: '/ui/' } })
        .expect('HEAD /function/hello', { status: 200, headers: { 'content-length': '5' } });
      assert.equal(
        (await gateway.invoke({ name: 'hello', method: 'POST', asynchronous: true })).headers.get('x-call-id'),
        '9',
      );
      const moved = await gateway.invoke({ name: 'hello', method: 'GET' });
      assert.deepEqual([moved.status, moved.headers.get('location')], [301, '/ui/']);
      assert.equal((await gateway.invoke({ name: 'hello', method: 'HEAD' })).body, null);
    });

    it('ends a long answer when it is aborted or cancelled', async () => {
      const stop = new AbortController();
      let open = 0;
      const both = new Promise<void>((resolve) => {
        for (const name of ['a', 'b'])
          far.expect(`GET /function/${name}`, (_request, response) => {
            open++;
            response.on('close', () => void (--open === 0 && resolve()));
            response.writeHead(200).write('begin');
          });
      });
      const first = await gateway.invoke({ name: 'a', method: 'GET' }, stop.signal);
      const second = await gateway.invoke({ name: 'b', method: 'GET' });
      stop.abort();
      await assert.rejects(new Response(first.body).text(), Interrupted);
      await second.body?.cancel();
      await both;
    });
  });
});

async function addressOfNobody(): Promise<string> {
  const server = createTcpServer();
  await listen(server);
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

async function sendBytes(
  response: { write(chunk: Uint8Array, done: () => void): boolean; end(): unknown },
  bytes: Uint8Array,
): Promise<void> {
  for (let index = 0; index < bytes.length; index += 3)
    await new Promise<void>((resolve) => response.write(bytes.subarray(index, index + 3), resolve));
  response.end();
}
