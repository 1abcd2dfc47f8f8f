import { setTimeout as sleep } from 'node:timers/promises';

/** What this handler uses of the context that bantam-ts gives it. */
interface Context {
  readonly signal: AbortSignal;
  secret(name: string): Promise<string>;
  setTrailer(name: string, value: string): void;
  upgradeWebSocket(): { readonly socket: EchoSocket; readonly response: Response };
}

interface EchoSocket {
  onmessage: ((event: { readonly data: string | ArrayBuffer }) => void) | null;
  send(data: string | ArrayBuffer): void;
}

let calls = 0;
let aborted = 0;
let stubbornAnswers = 0;
let gate = 200;

export default async function handle(request: Request, context: Context): Promise<Response> {
  calls += 1;
  const url = new URL(request.url);
  const number = (name: string, otherwise = 0): number => Number(url.searchParams.get(name) ?? otherwise);
  const word = (name: string): string => url.searchParams.get(name) ?? '';
  const wait = async (): Promise<void> => {
    try {
      await sleep(number('ms'), undefined, { signal: context.signal });
    } catch (error) {
      aborted += 1;
      throw error;
    }
  };
  if (url.pathname.startsWith('/echo')) return await echo(request, url);
  switch (url.pathname) {
    case '/calls':
      return new Response(String(calls));
    case '/status':
      return new Response('', { status: number('code', 200) });
    case '/empty':
      return new Response(null, { status: 204 });
    case '/whole':
      return new Response(await request.arrayBuffer());
    case '/count':
      return new Response(String((await request.arrayBuffer()).byteLength));
    case '/stream':
      return new Response(request.body);
    case '/cookies': {
      const headers = new Headers();
      headers.append('Set-Cookie', 'a=1; Path=/');
      headers.append('Set-Cookie', 'b=2, really');
      return new Response('', { headers });
    }
    case '/trailers':
      await request.text();
      context.setTrailer('X-Checksum', 'abc123');
      return new Response('see below');
    case '/events':
      return new Response(writeEvents(number('count'), number('ms')), {
        headers: { 'Content-Type': 'text/event-stream' },
      });
    case '/slow-answer':
      return new Response(writeSlowly(wait));
    case '/sleep':
      await wait();
      return new Response('slept');
    case '/aborted':
      return new Response(String(aborted));
    case '/stubborn':
      await sleep(number('ms'));
      stubbornAnswers += 1;
      return new Response('done all the same');
    case '/stubborn-answers':
      return new Response(String(stubbornAnswers));
    case '/spin':
      spin(number('ms'));
      return new Response('spun');
    case '/websocket': {
      const { socket, response } = context.upgradeWebSocket();
      socket.onmessage = ({ data }) => socket.send(data);
      return response;
    }
    case '/foreign':
      return new Response('from another', {
        headers: {
          'X-Bantam-Revision': 'theirs',
          'X-Bantam-Deploy': 'theirs',
          'X-Bantam-Replica': 'theirs',
          'X-Call-Id': 'theirs',
          'X-Start-Time': 'theirs',
          'X-Duration-Seconds': 'theirs',
          'X-Other': 'kept',
        },
      });
    case '/secret':
      return new Response(await context.secret(word('name')));
    case '/gate':
      if (request.method !== 'POST') return new Response(null, { status: gate });
      gate = number('answer');
      return new Response(null, { status: 204 });
    case '/throw':
      throw new Error('no luck\ntoday');
    case '/throw-text':
      throw 'just a text';
    case '/throw-nothing':
      throw undefined;
    case '/throw-strange':
      throw Object.create(null);
    case '/throw-late':
      return new Response(writeAndFail());
    case '/throw-secret':
      throw new Error(`cannot log in with ${await context.secret('token')}`);
    case '/return':
      return returned[word('kind')] as Response;
    case '/later':
      failLater(word('kind'));
      return new Response('answered');
    case '/exit':
      return process.exit(number('code'));
    case '/say':
      (word('stream') === 'stderr' ? console.error : console.log)(word('text'));
      return new Response('said');
    case '/log':
      for (let line = 0; line < number('mb') * 1024; line += 1) process.stdout.write(`${'x'.repeat(1023)}\n`);
      return new Response('written');
    case '/long-line':
      console.log('x'.repeat(number('bytes')));
      return new Response('written');
    default:
      return new Response('no such path', { status: 404 });
  }
}

const returned: Readonly<Record<string, unknown>> = { undefined: undefined, text: 'hello', object: {}, null: null };

async function echo(request: Request, { pathname, search }: URL): Promise<Response> {
  const { method, headers } = request;
  const body = await request.text();
  return Response.json({ method, path: pathname, query: search.slice(1), headers: Object.fromEntries(headers), body });
}

function stream(parts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
  });
}

function writeEvents(count: number, milliseconds: number): ReadableStream<Uint8Array> {
  return stream(
    (async function* () {
      for (let event = 1; event <= count; event += 1) {
        if (event > 1) await sleep(milliseconds);
        yield `data: ${event}\n\n`;
      }
    })(),
  );
}

function writeSlowly(wait: () => Promise<void>): ReadableStream<Uint8Array> {
  return stream(
    (async function* () {
      yield 'first ';
      await wait();
      yield 'last';
    })(),
  );
}

function writeAndFail(): ReadableStream<Uint8Array> {
  return stream(
    (async function* () {
      yield 'first ';
      await sleep(50);
      throw new Error('no luck later');
    })(),
  );
}

function failLater(kind: string): void {
  if (kind === 'reject')
    void sleep(50).then(() => {
      throw new Error('too late');
    });
  else
    setTimeout(() => {
      throw new Error('too late');
    }, 50);
}

function spin(milliseconds: number): void {
  const end = Date.now() + milliseconds;
  while (Date.now() < end);
}

const [load, milliseconds] = (process.env['CONTRACT_LOAD'] ?? '').split(':');
if (load === 'spin') spin(Number(milliseconds));
else if (milliseconds !== undefined) await sleep(Number(milliseconds));
if (load === 'fail') throw new Error('no such luck');
