import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** It came over a connection that had been used before. */
  readonly reused: boolean;
}

/** One call; it rejects when the answer does not come whole within `limit` milliseconds. */
export function call(
  url: string,
  options: {
    readonly method?: string;
    readonly body?: string;
    readonly agent?: Agent;
    readonly limit?: number;
  } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', body, agent = false, limit = 10_000 } = options;
    const sent = request(url, { method, agent, signal: AbortSignal.timeout(limit) }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        text += piece;
      });
      answer.on('error', reject);
      answer.on('end', () => {
        const { statusCode: status = 0, headers } = answer;
        resolve({ status, headers, body: text, reused: sent.reusedSocket });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Connections as faas-netes and faasd keep them to a replica: idle ones for 120 ms (faas-provider's proxy). */
export function keepConnections(): Agent {
  return new Agent({ keepAlive: true, timeout: 120 });
}

/** Asks until an answer is 200. Throws with the last one. */
export async function waitFor200(url: string, limit: number): Promise<Answer> {
  const deadline = performance.now() + limit;
  let last = '';
  while (performance.now() < deadline) {
    try {
      const answer = await call(url, { limit: 2000 });
      if (answer.status === 200) return answer;
      last = `${answer.status} ${answer.body}`;
    } catch (error) {
      last = (error as Error).message;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} was not 200 within ${limit / 1000} s, but: ${last}`);
}
