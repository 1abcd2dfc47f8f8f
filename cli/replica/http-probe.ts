import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { Interrupted, systemCode } from '../errors.ts';
import type { PathProbe, Probe, ReplicaProbe } from './probe.ts';

/** How a probe looks. */
export interface ProbeOptions {
  /** For one try, the head of the answer and a possible word of error: a call that hangs is given up after it. Default 2000. */
  readonly timeoutMilliseconds?: number | undefined;
}

/** Probes functions behind a gateway: `GET URL/function/NAME[.NAMESPACE]/_/ready`. No credentials: the way to functions is open. */
export function openReplicaProbe(gatewayUrl: string, options: ProbeOptions = {}): ReplicaProbe {
  const base = gatewayUrl.replace(/\/+$/, '');
  const address = (name: string, namespace: string | undefined): string =>
    `${base}/function/${encodeURIComponent(namespace ? `${name}.${namespace}` : name)}`;
  return {
    probe: (name, namespace, signal) => probeAddress(address(name, namespace), signal, options),
    async ask(name, namespace, path, signal): Promise<PathProbe> {
      const look = await lookAt(
        `${address(name, namespace)}${path.startsWith('/') ? '' : '/'}${path}`,
        signal,
        options,
      );
      if (look.kind === 'silent') return { kind: 'not-yet', reason: look.reason };
      if (look.status >= 200 && look.status < 300) return { kind: 'answer', status: look.status };
      return { kind: 'not-yet', reason: reasonOf(look), status: look.status };
    },
  };
}

/** Probes what serves at `url` (a container's own address, or a function behind a gateway): `GET URL/_/ready`. */
export async function probeAddress(url: string, signal: AbortSignal, options: ProbeOptions = {}): Promise<Probe> {
  const look = await lookAt(`${url.replace(/\/+$/, '')}/_/ready`, signal, options);
  if (look.kind === 'silent') return { kind: 'not-yet', reason: look.reason };
  const { revision, deploy, replica } = look;
  if (deploy !== '' && replica !== '')
    return { kind: 'answer', ready: look.status === 200, status: look.status, revision, deploy, replica };
  return {
    kind: 'not-yet',
    status: look.status,
    reason: look.status === 200 ? 'answered by something that names no deploy id' : reasonOf(look),
  };
}

type Look =
  | { readonly kind: 'silent'; readonly reason: string }
  | {
      readonly kind: 'head';
      readonly status: number;
      readonly revision: string;
      readonly deploy: string;
      readonly replica: string;
      readonly location: string;
      readonly word: string;
    };

/** One GET over a connection of its own: a kept connection would stay with one replica and hide the others. Never rejects but on abort. */
function lookAt(url: string, signal: AbortSignal, options: ProbeOptions): Promise<Look> {
  const milliseconds = options.timeoutMilliseconds ?? 2000;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new Interrupted());
    const request = (url.startsWith('https:') ? requestSecure : requestPlain)(url, {
      agent: false,
      headers: { connection: 'close', 'user-agent': 'bantam' },
    });
    const settle = (look: Look | Interrupted): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      request.destroy();
      if (look instanceof Interrupted) reject(look);
      else resolve(look);
    };
    const onAbort = (): void => settle(new Interrupted());
    const timer = setTimeout(
      () => settle({ kind: 'silent', reason: `no answer within ${milliseconds / 1000} s` }),
      milliseconds,
    );
    signal.addEventListener('abort', onAbort, { once: true });
    request.on('error', (error) => settle({ kind: 'silent', reason: silenceOf(error) }));
    request.on('response', (message) => {
      message.on('error', (error) => settle({ kind: 'silent', reason: silenceOf(error) }));
      const head = headOf(message);
      // Whoever names itself needs no further word; of anybody else the first line tells a person what it was.
      if (head.deploy !== '') return settle({ ...head, word: '' });
      let text = '';
      message.setEncoding('utf8');
      message.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > 512) settle({ ...head, word: firstLine(text) });
      });
      message.on('end', () => settle({ ...head, word: firstLine(text) }));
    });
    request.end();
  });
}

function headOf(message: IncomingMessage): Omit<Extract<Look, { kind: 'head' }>, 'word'> {
  const header = (name: string): string => {
    const value = message.headers[name];
    return (Array.isArray(value) ? value[0] : value)?.trim() ?? '';
  };
  return {
    kind: 'head',
    status: message.statusCode ?? 0,
    revision: header('x-bantam-revision'),
    deploy: header('x-bantam-deploy'),
    replica: header('x-bantam-replica'),
    location: header('location'),
  };
}

function reasonOf(look: Extract<Look, { kind: 'head' }>): string {
  if (look.status >= 300 && look.status < 400)
    return `${look.status} to ${look.location === '' ? 'nowhere' : look.location}`;
  if (look.word === '' || look.word.startsWith(`${look.status} `)) return look.word || String(look.status);
  return `${look.status} ${look.word}`;
}

function firstLine(text: string): string {
  const line =
    text
      .split('\n')
      .map((part) => part.trim())
      .find((part) => part !== '') ?? '';
  if (line.startsWith('<')) return 'with a web page';
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}

function silenceOf(error: Error): string {
  const code = systemCode(error) ?? '';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'connection closed without an answer';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the gateway’s name cannot be resolved';
  return code === '' ? error.message : code;
}
