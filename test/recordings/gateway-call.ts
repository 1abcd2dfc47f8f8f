/** One HTTP exchange with a gateway, as a stranger to its client: node:http, no redirects followed, an own time limit. */
import { Agent, request as open } from 'node:http';

/** Who asks: right or wrong credentials, or none. */
export type Credentials = 'right' | 'wrong' | 'none';

/** What is sent. `body` is sent byte for byte. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly credentials?: Credentials;
}

/** What came back: an answer, or the way in which none came. */
export type Answer =
  | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }
  | { readonly failure: string };

/** A gateway to record: base URL and the basic-auth pair. */
export interface Gateway {
  readonly url: URL;
  readonly user: string;
  readonly password: string;
}

/** Headers worth keeping: dates, lengths and hop-by-hop ones are left out. */
const kept = /^(content-type|www-authenticate|location|transfer-encoding|x-.*)$/;

/** Connections kept alive between calls, for the recordings that ask for them; every other call opens its own. */
export const keptAlive = new Agent({ keepAlive: true, maxSockets: 1 });

/** Sends one call. Never throws for what the far side does: a timeout or a broken connection is an answer too. */
export function callGateway(gateway: Gateway, call: Call, limitMilliseconds: number, agent?: Agent): Promise<Answer> {
  return new Promise((resolve) => {
    const headers: Record<string, string> = { ...call.headers };
    const credentials = call.credentials ?? 'right';
    if (credentials !== 'none') {
      const password = credentials === 'wrong' ? 'not-the-password' : gateway.password;
      headers['authorization'] = `Basic ${Buffer.from(`${gateway.user}:${password}`).toString('base64')}`;
    }
    if (call.body !== undefined) headers['content-length'] = String(Buffer.byteLength(call.body));
    const signal = AbortSignal.timeout(limitMilliseconds);
    const failed = (error: NodeJS.ErrnoException) =>
      resolve({ failure: signal.aborted ? 'timeout' : (error.code ?? error.message) });
    const sent = open(
      new URL(call.path, gateway.url),
      { method: call.method, headers, agent: agent ?? false, signal },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', failed);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(
              Object.entries(response.headers)
                .filter(([name]) => kept.test(name))
                .map(([name, value]) => [name, String(value)]),
            ),
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    sent.on('error', failed);
    sent.end(call.body);
  });
}

/** True for an answer of this status. */
export function hasStatus(answer: Answer, status: number): boolean {
  return 'status' in answer && answer.status === status;
}
