import type { Dialect } from '../dialect/dialect.ts';
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
    const query = readQuery(request, dialect);
    if (query === undefined) return sendText(dialect.refuseLogs('bad query'));
    if (provider.find(query.name) === undefined) return sendText(dialect.refuseLogs('unknown function'));
    const left = new AbortController();
    const lines = provider.logs(query, AbortSignal.any([left.signal, closing]));
    return new Response(
      streamLines(
        lines,
        (line) => dialect.logLine(query.name, line),
        () => left.abort(),
      ),
      {
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      },
    );
  };
  return [{ method: 'GET', path: '/system/logs', answer }];
}

/** Lines as bytes, read only as fast as the client takes them. */
function streamLines(
  lines: AsyncIterable<ReplicaLogLine>,
  encode: (line: ReplicaLogLine) => unknown,
  leave: () => void,
): ReadableStream<Uint8Array> {
  const source = lines[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const next = await source.next();
      if (next.done === true) controller.close();
      else controller.enqueue(Buffer.from(`${JSON.stringify(encode(next.value))}\n`, 'utf8'));
    },
    async cancel() {
      leave();
      await source.return?.();
    },
  });
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** The decoded query; `undefined` if `tail` is no number or `since` no time. */
function readQuery(request: Request, dialect: Dialect): ReplicaLogQuery | undefined {
  const tail = queryOf(request, 'tail') || '-1';
  if (!/^-?\d+$/.test(tail)) return undefined;
  const since = queryOf(request, 'since') || undefined;
  const time = since === undefined ? undefined : Date.parse(since);
  // JavaScript reads much as a time that nobody meant: "5", "last may 1".
  if (since !== undefined && (Number.isNaN(time) || !rfc3339.test(since))) return undefined;
  const from = dialect.logsSince(time, Date.now());
  const instance = queryOf(request, 'instance');
  return {
    name: queryOf(request, 'name') ?? '',
    // 0 and less mean "all": faas-cli sends -1.
    ...(Number(tail) <= 0 ? {} : { tail: Number(tail) }),
    ...(from === undefined ? {} : { since: from }),
    // What Go takes for true.
    follow: /^(?:1|t|T|true|True|TRUE)$/.test(queryOf(request, 'follow') ?? ''),
    ...(instance ? { instance } : {}),
  };
}
