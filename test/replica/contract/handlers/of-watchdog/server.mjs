// The contract handler as an HTTP server behind of-watchdog (mode=http); ../README.md says what it does.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

let calls = 0;
let aborted = 0;
let stubbornAnswers = 0;
let gate = 200;

function spin(milliseconds) {
  const end = Date.now() + milliseconds;
  while (Date.now() < end);
}

const readSecret = async (name) =>
  (await readFile(join(process.env.secret_mount_path ?? '/var/openfaas/secrets', name), 'utf8')).trim();

async function wait(response, milliseconds) {
  const leaving = new AbortController();
  response.once('close', () => leaving.abort());
  try {
    await sleep(milliseconds, undefined, { signal: leaving.signal });
  } catch (error) {
    aborted += 1;
    throw error;
  }
}

const paths = {
  '/calls': (_request, response) => response.end(String(calls)),
  '/status': (_request, response, query) => response.writeHead(Number(query.get('code') ?? 200)).end(),
  '/empty': (_request, response) => response.writeHead(204).end(),
  '/whole': async (request, response) => response.end(await buffer(request)),
  '/count': async (request, response) => response.end(String((await buffer(request)).length)),
  '/stream': (request, response) => request.pipe(response),
  '/cookies': (_request, response) => response.writeHead(200, { 'Set-Cookie': ['a=1; Path=/', 'b=2, really'] }).end(),
  '/trailers': async (request, response) => {
    await buffer(request);
    response.setHeader('Trailer', 'X-Checksum');
    response.write(`request trailer: ${request.trailers['x-sum']}`);
    response.addTrailers({ 'X-Checksum': 'abc123' });
    response.end();
  },
  '/events': async (_request, response, query) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    for (let event = 1; event <= Number(query.get('count')); event += 1) {
      if (event > 1) await sleep(Number(query.get('ms')));
      response.write(`data: ${event}\n\n`);
    }
    response.end();
  },
  '/slow-answer': async (_request, response, query) => {
    response.write('first ');
    await wait(response, Number(query.get('ms')));
    response.end('last');
  },
  '/sleep': async (_request, response, query) => {
    await wait(response, Number(query.get('ms')));
    response.end('slept');
  },
  '/aborted': (_request, response) => response.end(String(aborted)),
  '/stubborn': async (_request, response, query) => {
    await sleep(Number(query.get('ms')));
    stubbornAnswers += 1;
    response.end('done all the same');
  },
  '/stubborn-answers': (_request, response) => response.end(String(stubbornAnswers)),
  '/spin': (_request, response, query) => {
    spin(Number(query.get('ms')));
    response.end('spun');
  },
  '/foreign': (_request, response) => {
    for (const name of ['X-Bantam-Revision', 'X-Bantam-Deploy', 'X-Bantam-Replica', 'X-Call-Id', 'X-Start-Time'])
      response.setHeader(name, 'theirs');
    response.setHeader('X-Duration-Seconds', 'theirs');
    response.setHeader('X-Other', 'kept');
    response.end('from another');
  },
  '/secret': async (_request, response, query) => response.end(await readSecret(query.get('name'))),
  '/gate': (request, response, query) => {
    if (request.method !== 'POST') return response.writeHead(gate).end();
    gate = Number(query.get('answer'));
    return response.writeHead(204).end();
  },
  '/throw': () => {
    throw new Error('no luck\ntoday');
  },
  '/throw-text': () => {
    throw 'just a text';
  },
  '/throw-nothing': () => {
    throw undefined;
  },
  '/throw-strange': () => {
    throw Object.create(null);
  },
  '/throw-late': async (_request, response) => {
    response.write('first ');
    await sleep(50);
    throw new Error('no luck later');
  },
  '/throw-secret': async () => {
    throw new Error(`cannot log in with ${await readSecret('token')}`);
  },
  '/say': (_request, response, query) => {
    process[query.get('stream') === 'stderr' ? 'stderr' : 'stdout'].write(`${query.get('text')}\n`);
    response.end('said');
  },
  '/log': (_request, response, query) => {
    for (let line = 0; line < Number(query.get('mb')) * 1024; line += 1) process.stdout.write(`${'x'.repeat(1023)}\n`);
    response.end('written');
  },
  '/long-line': (_request, response, query) => {
    process.stdout.write(`${'x'.repeat(Number(query.get('bytes')))}\n`);
    response.end('written');
  },
};

async function echo(request, response, query, path) {
  const { method, headers } = request;
  const body = (await buffer(request)).toString();
  response.end(JSON.stringify({ method, path, query, headers, body }));
}

// As the official template's own server: a handler that fails is a 500 with its error.
const server = createServer({ requestTimeout: 0 }, async (request, response) => {
  calls += 1;
  const [path, query = ''] = request.url.split('?', 2);
  try {
    if (path.startsWith('/echo')) await echo(request, response, query, path);
    else if (paths[path] !== undefined) await paths[path](request, response, new URLSearchParams(query));
    else response.writeHead(404).end('no such path');
  } catch (error) {
    if (request.destroyed && response.destroyed) return;
    console.error(error);
    if (response.headersSent) response.destroy();
    else response.writeHead(500).end(String(error?.stack ?? 'failed'));
  }
});

server.on('upgrade', (request, socket) => {
  socket.on('error', () => undefined);
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.end(
    request.url === '/websocket'
      ? `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
      : `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n${++calls}`,
  );
});

const [load, milliseconds] = (process.env.CONTRACT_LOAD ?? '').split(':');
if (load === 'spin') spin(Number(milliseconds));
else if (milliseconds !== undefined) await sleep(Number(milliseconds));
if (load === 'fail') throw new Error('no such luck');

process.on('SIGTERM', () => server.close(() => process.exit(0)));
server.listen(Number(process.env.handler_port), '127.0.0.1');
