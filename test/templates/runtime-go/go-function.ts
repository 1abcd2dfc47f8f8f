import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { compile, type FunctionFiles, makeContext } from '../build-context.ts';

/** A handler.go around the statements of Handle(w, r), with these imports beside net/http, and what comes before it. */
export function handlerText(imports: readonly string[], body: string, before = ''): string {
  const lines = ['net/http', ...imports].map((name) => `\t"${name}"\n`).join('');
  return `package function\n\nimport (\n${lines})\n\n${before}\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {\n${body}\n}\n`;
}

/** Compiles a function and returns the folder of its tree. */
export async function compileFiles(files: FunctionFiles): Promise<string> {
  const built = await compile(
    await makeContext('bantam-go', { 'go.mod': 'module handler/function\n\ngo 1.25.0\n', ...files }),
  );
  assert.equal(built.code, 0, built.output);
  return built.root;
}

/** An answer with its headers and all of its body. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

/** Asks on a connection of its own and reads the answer to its end. Rejects when the connection ends before. */
export function ask(
  url: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<WholeAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers, agent: false }, (answer) => {
      text(answer).then(
        (read) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: read }),
        reject,
      );
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** A bare connection: for half a request, and for what comes back byte by byte. */
export interface BareConnection {
  readonly socket: Socket;
  /** Resolves with all that has come once it matches; rejects when the connection ends before. */
  heard(pattern: RegExp): Promise<string>;
  /** Resolves with all that has come when the other side has ended. */
  readonly ended: Promise<string>;
}

export async function openConnection(url: string): Promise<BareConnection> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {}); // 'close' follows: whoever waits learns of that
  let all = '';
  const waiting = new Set<() => void>();
  let isOver = false;
  const look = (): void => {
    for (const each of waiting) each();
  };
  socket.on('data', (chunk: Buffer) => {
    all += chunk.toString();
    look();
  });
  const ended = new Promise<string>((resolve) => {
    const over = (): void => {
      isOver = true;
      look();
      resolve(all);
    };
    socket.on('end', over);
    socket.on('close', over);
    socket.on('error', () => {}); // cut off: 'close' follows
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return {
    socket,
    ended,
    heard: (pattern) =>
      new Promise((resolve, reject) => {
        const each = (): void => {
          if (pattern.test(all)) resolve(all);
          else if (isOver) reject(new Error(`it ended without ${pattern}:\n${all}`));
          else return;
          waiting.delete(each);
        };
        waiting.add(each);
        each();
      }),
  };
}
