import { request } from 'node:http';

/** A request to a moved function, and what is known about its answer. */
export interface Call {
  /** For the report, and the key of its recording: unique in its function. */
  readonly title: string;
  readonly method?: string;
  /** With query; `/` if absent. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** What bantam answers otherwise on purpose, and why; what is not named here is as recorded. */
  readonly differs?: {
    readonly why: string;
    readonly status?: number;
    /** With another body, its headers are not compared. */
    readonly body?: RegExp;
    /** With `node_template` of this value there is no difference. */
    readonly unlessTemplate?: string;
  };
}

/** An answer, without what differs from one to the next. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** UTF-8 text, or base64 where it is none. */
  readonly body: string;
  readonly base64?: true;
}

/** Of the connection, of the moment, or of one runtime alone. Last-Modified: files in our images have no time (ADR 2). */
const passing =
  /^(date|connection|keep-alive|transfer-encoding|last-modified|x-call-id|x-start-time|x-duration-seconds|x-bantam-.*)$/;

/** Sends a call and reads the whole answer. Neither redirects nor encodings are followed. */
export function ask(url: string, call: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}${call.path ?? '/'}`,
      {
        method: call.method ?? 'GET',
        headers: {
          'user-agent': 'moved/1',
          ...(call.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(call.body)) }),
          ...call.headers,
        },
        agent: false,
        signal: AbortSignal.timeout(15_000),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const headers: Record<string, string | readonly string[]> = {};
          for (const [name, value] of Object.entries(response.headers).sort(([a], [b]) => (a < b ? -1 : 1)))
            if (value !== undefined && !passing.test(name)) headers[name] = value;
          resolve({ status: response.statusCode ?? 0, headers, ...textOf(Buffer.concat(chunks)) });
        });
      },
    );
    sent.on('error', reject);
    sent.end(call.body);
  });
}

function textOf(bytes: Buffer): { body: string; base64?: true } {
  const body = bytes.toString('utf8');
  return Buffer.from(body).equals(bytes) ? { body } : { body: bytes.toString('base64'), base64: true };
}
