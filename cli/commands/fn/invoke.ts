import { readFile } from 'node:fs/promises';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { resolve } from 'node:path';
import { defineCommand } from '../../command.ts';
import type { Context } from '../../context.ts';
import { exitCodes, UserError } from '../../errors.ts';

/** `bantam fn invoke`: one request to a function, body from standard input or a file, answer to standard output as it comes. */
export const invoke = defineCommand({
  arguments: [{ name: '<name>', description: 'the function' }],
  options: {
    method: {
      flags: '-X, --method <method>',
      kind: 'text',
      description: 'HTTP method (default: POST with a body, GET without)',
    },
    path: { flags: '--path <path>', kind: 'text', description: 'path and query behind /function/NAME' },
    header: {
      flags: '-H, --header <name: value>',
      kind: 'repeated',
      description: 'a request header, for example "Content-Type: application/json" (repeatable)',
    },
    noInput: {
      flags: '--no-input',
      kind: 'flag',
      description: 'do not read standard input (a job whose input is a pipe that nobody closes)',
    },
    file: { flags: '--file <file>', kind: 'text', description: 'read the body from a file instead of standard input' },
    data: { flags: '-d, --data <text>', kind: 'text', description: 'the body itself' },
    async: { flags: '-a, --async', kind: 'flag', description: 'queue the call instead of waiting for it' },
    callback: {
      flags: '--callback <url>',
      kind: 'text',
      description: 'with --async: where the answer is posted, as the gateway reaches it',
    },
    include: { flags: '-i, --include', kind: 'flag', description: 'show status and headers on stderr' },
  },
  examples: [
    `echo '{"name":"Pi"}' | bantam fn invoke hello`,
    'bantam invoke arch-check --path "?image=127.0.0.1:5000/hello"',
    'bantam fn invoke hello -d hi -i',
    'bantam invoke hello --async --callback http://127.0.0.1:9000 < event.json',
  ],
  async run(input, context) {
    const [name = ''] = input.names;
    const { options } = input;
    const headers = { ...parseHeaders(options.header), ...callbackHeader(options) };
    const method = parseMethod(options.method);
    if (options.async && method !== undefined && method !== 'POST')
      throw new UserError('BAN-E001', `queued calls are POST, not ${method}`, {
        hint: 'leave out --method, or --async',
      });
    requireWithin(options.path);
    const body = await readBody(options, context);
    const { gateway } = await context.gateway();
    const started = performance.now();
    const answer = await gateway.invoke(
      {
        name,
        namespace: await context.namespaceOf(name),
        // Gateways queue POST alone.
        method: method ?? (body === undefined && !options.async ? 'GET' : 'POST'),
        path: options.path,
        headers:
          body !== undefined && headers['content-type'] === undefined
            ? { 'content-type': guessType(body), ...headers }
            : headers,
        body,
        asynchronous: options.async,
      },
      context.signal,
    );
    const received = [...answer.headers].map(([key, value]) => `${key}: ${value}`);
    if (options.include)
      for (const text of [`HTTP ${answer.status}`, ...received]) context.report({ type: 'note', text });
    if (answer.body !== null) for await (const bytes of answer.body) context.report({ type: 'output', bytes });
    const failed = answer.status >= 400;
    if (failed) {
      context.report({
        type: 'warning',
        about: name,
        text: `answered ${answer.status}`,
        hint: options.async ? adviceForQueued(answer.status) : adviceFor(answer.status, name, options.path ?? '/'),
      });
    }
    return {
      exit: failed ? exitCodes.failure : exitCodes.done,
      document: {
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        milliseconds: Math.round(performance.now() - started),
      },
      blocks:
        options.async && !failed
          ? [{ kind: 'line', text: `queued as ${answer.headers.get('x-call-id') ?? '(no id)'}` }]
          : [],
    };
  },
});

/** What a gateway that takes no call into its queue wants. Whether the function is there it does not look at. */
function adviceForQueued(status: number): string {
  if (status === 413) return 'queues take small bodies (1 MiB): store it elsewhere and send its address';
  if (status === 429) return 'the queue is full: try again when some of its calls are done';
  return 'is there a queue? on Kubernetes: kubectl -n openfaas get deploy queue-worker';
}

/** Gateways answer 404 or 503 for a function that is not there, too. */
function adviceFor(status: number, name: string, path: string): string {
  if (status === 404) return `is ${name} deployed (bantam fn list), and is "${path}" a path of it?`;
  if (status === 503) return `is ${name} deployed, and is a replica of it ready? bantam fn list`;
  return `bantam fn logs ${name}`;
}

async function readBody(
  {
    data,
    file,
    noInput,
  }: { readonly data: string | undefined; readonly file: string | undefined; readonly noInput: boolean },
  context: Pick<Context, 'folder' | 'readInput'>,
): Promise<Uint8Array | undefined> {
  if (data !== undefined && file !== undefined)
    throw new UserError('BAN-E001', '--data and --file exclude each other', { hint: 'leave one out' });
  if (data !== undefined) return new TextEncoder().encode(data);
  if (file !== undefined) {
    const path = resolve(context.folder, file);
    return await readFile(path).catch((cause: unknown) => {
      throw new UserError('BAN-E003', `${path} cannot be read`, { hint: 'check the name behind --file', cause });
    });
  }
  const input = noInput ? undefined : await context.readInput();
  return input === undefined || input.length === 0 ? undefined : input;
}

function parseHeaders(texts: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const text of texts) {
    const colon = text.indexOf(':');
    const name = text.slice(0, Math.max(0, colon)).trim().toLowerCase();
    const value = text.slice(colon + 1).trim();
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (cause) {
      throw new UserError('BAN-E001', `"${text}" is no header`, {
        hint: 'write --header "Name: value", in Latin letters, digits and signs',
        cause,
      });
    }
    // RFC 9110: a header that is there twice means its values with a comma between them.
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}

/** The header that names a callback. Without `--async` nobody would call it, and the function would get it for its own. */
function callbackHeader({
  async: queued,
  callback,
}: {
  readonly async: boolean;
  readonly callback: string | undefined;
}): Record<string, string> {
  if (callback === undefined) return {};
  if (!queued)
    throw new UserError('BAN-E001', '--callback is for queued calls: this one is answered here', {
      hint: 'add --async, or leave out --callback',
    });
  if (!/^https?:\/\/[^/]/i.test(callback) || !URL.canParse(callback))
    throw new UserError('BAN-E001', `"${callback}" is no address for a callback`, {
      hint: 'write --callback http://HOST:PORT/PATH, or https://; the gateway must reach it, not this terminal',
    });
  return { 'x-callback-url': callback };
}

function parseMethod(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[a-z][a-z-]*$/i.test(text))
    throw new UserError('BAN-E001', `"${text}" is no HTTP method`, { hint: 'for example --method PUT' });
  return text?.toUpperCase();
}

/** An address with `..` in it is taken for the shorter one, which would be another function or the gateway itself. */
function requireWithin(path: string | undefined): void {
  const [before = ''] = (path ?? '').split(/[?#]/);
  if (before.split(/[\\/]/).some((part) => /^(?:\.|%2e){2}$/i.test(part)))
    throw new UserError('BAN-E001', `--path "${path}" leads out of the function`, {
      hint: 'leave out the "..": paths begin behind /function/NAME',
    });
}

function guessType(body: Uint8Array): string {
  const text = new TextDecoder().decode(body);
  try {
    JSON.parse(text);
    return 'application/json';
  } catch {
    return 'text/plain; charset=utf-8'; // Not JSON: that was the question.
  }
}
