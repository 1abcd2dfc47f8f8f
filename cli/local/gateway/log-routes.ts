import type { ReplicaLogLine, ReplicaLogQuery } from '../replicas/provider.ts';
import type { GatewayParts } from './gateway.ts';
import { queryOf, type Route, sendText } from './route.ts';

/** `/system/logs?name=…[&tail=N&since=RFC3339&follow=true&instance=…]`: one JSON object a line, as the gateway's log stream is. */
export function logRoutes({
  provider,
  dialect,
  closing,
}: Pick<GatewayParts, 'provider' | 'dialect' | 'closing'>): Route[] {
  const answer = (request: Request): Response => {
    const refusal = dialect.refuseNamespace(queryOf(request, 'namespace'));
    if (refusal !== undefined) return sendText(refusal);
    const query = readQuery(request);
    if (query === undefined) return sendText(dialect.refuseLogs('bad query'));
    if (!provider.list().some((state) => state.name === query.name))
      return sendText(dialect.refuseLogs('unknown function'));
    const left = new AbortController();
    const lines = provider.logs(query, AbortSignal.any([left.signal, closing]));
    return new Response(
      streamLines(query.name, lines, () => left.abort()),
      {
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      },
    );
  };
  return [{ method: 'GET', path: '/system/logs', answer }];
}

/** Lines as bytes, read only as fast as the client takes them. */
function streamLines(
  name: string,
  lines: AsyncIterable<ReplicaLogLine>,
  leave: () => void,
): ReadableStream<Uint8Array> {
  const source = lines[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const next = await source.next();
      if (next.done === true) controller.close();
      else controller.enqueue(Buffer.from(encodeLine(name, next.value), 'utf8'));
    },
    async cancel() {
      leave();
      await source.return?.();
    },
  });
}

/** The namespace is empty and the text keeps its newline, as faas-netes sends them. */
function encodeLine(name: string, { instance, timestamp, text }: ReplicaLogLine): string {
  return `${JSON.stringify({ name, namespace: '', instance, timestamp, text: `${text}\n` })}\n`;
}

/** The decoded query; `undefined` if `tail` is no number or `since` no time. */
function readQuery(request: Request): ReplicaLogQuery | undefined {
  const tail = queryOf(request, 'tail') || '-1';
  if (!/^-?\d+$/.test(tail)) return undefined;
  const since = queryOf(request, 'since') || undefined;
  const time = since === undefined ? undefined : Date.parse(since);
  if (time !== undefined && Number.isNaN(time)) return undefined;
  const instance = queryOf(request, 'instance');
  return {
    name: queryOf(request, 'name') ?? '',
    // 0 and less mean "all": faas-cli sends -1.
    ...(Number(tail) <= 0 ? {} : { tail: Number(tail) }),
    ...(time === undefined ? {} : { since: time }),
    follow: ['true', '1'].includes(queryOf(request, 'follow') ?? ''),
    ...(instance ? { instance } : {}),
  };
}
