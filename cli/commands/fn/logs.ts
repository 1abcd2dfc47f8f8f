import { defineCommand } from '../../command.ts';
import { describeFailure, exitCodes, Interrupted, UserError } from '../../errors.ts';
import { followLogs } from '../../openfaas/follow.ts';
import type { Gateway } from '../../openfaas/gateway.ts';
import type { LogLine } from '../../openfaas/wire.ts';
import { selectFunctions } from '../../stack/select.ts';

/** `bantam fn logs`: what functions wrote, several at once. */
export const logs = defineCommand({
  arguments: [{ name: '[names...]', description: 'functions (default: all of the stack file)' }],
  options: {
    follow: {
      flags: '--follow',
      kind: 'flag',
      description: 'keep going until Ctrl-C; with --json one line of JSON for each log line, and one for the end',
    },
    tail: { flags: '--tail <lines>', kind: 'number', description: 'only the last lines of each' },
    since: {
      flags: '--since <time>',
      kind: 'text',
      description: 'from a duration ago (30s, 10m, 2h) or an RFC 3339 time',
    },
  },
  examples: [
    'bantam fn logs hello --tail 20',
    'bantam fn logs --follow',
    'bantam fn logs --follow --json',
    'bantam logs hello --since 10m',
  ],
  async run(input, context) {
    if (input.options.follow && input.globals.json)
      context.report({ type: 'output', bytes: new Uint8Array(), entries: [] });
    const names =
      input.names.length > 0 ? input.names : selectFunctions(await context.stack(), []).map(({ name }) => name);
    const { gateway } = await context.gateway();
    const since = readSince(input.options.since, context.now());
    const lines: unknown[] = [];
    const widest = names.length > 1 ? Math.max(...names.map(({ length }) => length)) + 2 : 0;
    const readAll = Promise.all(
      names.map(async (name) => {
        const query = {
          name,
          namespace: await context.namespaceOf(name),
          tail: input.options.tail,
          since,
          follow: input.options.follow,
        };
        const found = input.options.follow
          ? followLogs(gateway, query, context.signal)
          : gateway.logs(query, context.signal);
        for await (const line of explained(found, name, gateway, query.namespace, context.signal)) {
          if (input.globals.json && !input.options.follow) lines.push(line);
          else
            context.report({
              type: 'output',
              bytes: new TextEncoder().encode(
                `${widest === 0 ? '' : name.padEnd(widest)}${toSeconds(line.timestamp)} ${line.text.replace(/\n$/, '')}\n`,
              ),
              ...(input.options.follow ? { entries: [{ ...line }] } : {}),
            });
        }
      }),
    );
    try {
      await readAll;
    } catch (thrown) {
      // Ctrl-C is how following ends.
      if (!(thrown instanceof Interrupted && input.options.follow)) throw thrown;
      return { exit: exitCodes.interrupted, document: { error: describeFailure(thrown) }, blocks: [] };
    }
    return { document: input.options.follow ? {} : { lines }, blocks: [] };
  },
});

/** The lines; where they cannot be had since there is no such function, that is said: gateways answer 500. */
async function* explained(
  lines: AsyncIterable<LogLine>,
  name: string,
  gateway: Gateway,
  namespace: string | undefined,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  try {
    yield* lines;
  } catch (thrown) {
    if (!(thrown instanceof UserError) || thrown.code !== 'BAN-E405') throw thrown;
    // Only asked to say more: if this fails, too, the first failure counts.
    const there = await gateway.read(name, namespace, signal).catch(() => thrown);
    if (there !== undefined) throw thrown;
    throw new UserError('BAN-E404', `${gateway.url} knows no function "${name}"`, {
      hint: 'bantam fn list shows what is there',
      cause: thrown,
    });
  }
}

function readSince(text: string | undefined, now: Date): string | undefined {
  if (text === undefined) return undefined;
  const duration = /^(\d+)(s|m|h|d)$/.exec(text);
  if (duration !== null) {
    const seconds = Number(duration[1]) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[duration[2] ?? 's'] ?? 1);
    // Nothing was written before 1970, and years further back have no date.
    return new Date(Math.max(0, now.getTime() - seconds * 1000)).toISOString();
  }
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw new UserError('BAN-E001', `"${text}" is no time`, {
      hint: 'write --since 10m, or a time like 2026-01-31T12:00:00Z',
    });
  return new Date(time).toISOString();
}

/** `2026-01-31T12:00:00Z`: UTC, to the second; a time that is none stays as it is. */
function toSeconds(timestamp: string): string {
  const time = Date.parse(timestamp);
  return Number.isNaN(time) ? timestamp : `${new Date(time).toISOString().slice(0, 19)}Z`;
}
