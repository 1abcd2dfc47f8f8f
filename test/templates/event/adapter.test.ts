import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { compileFunction } from 'node:vm';
import { Call, currentCall } from '../../../templates/bantam-ts/runtime/call.ts';
import { serveEvents } from '../../../templates/bantam-ts/runtime/event/serve-event.ts';
import { readEventSettings } from '../../../templates/bantam-ts/runtime/event/settings.ts';
import { Answer, Incoming } from '../../../templates/bantam-ts/runtime/http-messages.ts';
import { type EventCase, eventCases } from './cases.ts';
import { differences } from './differences.ts';
import { type EventAnswer, exchange } from './exchange.ts';
import { differenceOf, joinHeaders, type Recording, readRecording, requireAnswer } from './recording.ts';

/** Runs the text of a handler.js as Node would: it is data of these tests, as the files of a function are. */
function loadHandler({ handler, environment }: EventCase): (...given: unknown[]) => unknown {
  const module: { exports: unknown } = { exports: {} };
  const parameters = ['module', 'exports', 'require', 'process'];
  const run: unknown = compileFunction(handler, parameters);
  assert.ok(typeof run === 'function');
  Reflect.apply(run, undefined, [module, module.exports, createRequire(import.meta.url), { env: { ...environment } }]);
  const { exports } = module;
  assert.ok(typeof exports === 'function');
  return (...given) => Reflect.apply(exports, undefined, given);
}

function toRequest(incoming: IncomingMessage): Request {
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2)
    headers.append(incoming.rawHeaders[i] ?? '', incoming.rawHeaders[i + 1] ?? '');
  const { method = 'GET' } = incoming;
  const noBody = method === 'GET' || method === 'HEAD';
  const { url = '/' } = incoming;
  return new Request(url.startsWith('/') ? `http://${incoming.headers.host}${url}` : url, {
    method,
    headers,
    ...(noBody ? {} : { body: Readable.toWeb(incoming), duplex: 'half' }),
  });
}

async function write(response: Response, outgoing: ServerResponse): Promise<void> {
  for (const [name, value] of response.headers) if (name !== 'set-cookie') outgoing.setHeader(name, value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader('set-cookie', cookies);
  outgoing.writeHead(response.status);
  outgoing.end(response.body === null ? undefined : await buffer(response.body));
}

/** The adapter behind a bare server, for one case. What it throws is a 500 with the reason, as the runtime makes one. */
async function answerCase(
  each: EventCase,
  template: string,
): Promise<{ answer: EventAnswer | 'no answer'; log: string[] }> {
  const log: string[] = [];
  const handler = serveEvents(loadHandler(each), readEventSettings({ ...each.environment, node_template: template }));
  const context = {
    callId: 'test',
    signal: new AbortController().signal,
    secret: async () => '',
    log: (message: string) => void log.push(message),
    setTrailer: () => {},
    upgradeWebSocket: () => assert.fail(),
  };
  const server = createServer({ IncomingMessage: Incoming, ServerResponse: Answer }, async (incoming, outgoing) => {
    const call = new Call(incoming, outgoing);
    const request = toRequest(incoming);
    call.request = request;
    const response = await currentCall
      .run(call, async () => handler(request, context))
      .catch((error: unknown) => new Response(`thrown: ${String(error)}`, { status: 500 }));
    assert.ok(response instanceof Response);
    await write(response, outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  try {
    return { answer: await exchange(address.port, each.request), log };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

for (const template of ['node20', 'node22'] as const) {
  describe(`a function written for ${template} answers as it was recorded there`, () => {
    let recording: Recording;
    before(async () => {
      recording = await readRecording(template);
      assert.deepEqual(Object.keys(recording.cases).sort(), eventCases.map(({ name }) => name).sort());
    });

    for (const each of eventCases) {
      const difference = differenceOf(each.name, template);
      it(difference === undefined ? each.name : `${each.name} (differs: ${difference.why})`, async () => {
        requireAnswer((await answerCase(each, template)).answer, joinHeaders(recording), each.name);
      });
    }
  });
}

it('every difference is one of a case that is asked', () => {
  const names = eventCases.map(({ name }) => name);
  assert.deepEqual(
    Object.keys(differences).filter((name) => !names.includes(name)),
    [],
  );
});
