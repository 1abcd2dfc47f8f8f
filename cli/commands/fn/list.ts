import { type Block, defineCommand } from '../../command.ts';
import type { Context } from '../../context.ts';
import { UserError } from '../../errors.ts';
import type { Gateway } from '../../openfaas/gateway.ts';
import type { FunctionStatus } from '../../openfaas/wire.ts';
import { scheduleOf } from '../../stack/schedule.ts';
import type { Stack } from '../../stack/stack.ts';

/** `bantam fn list`: what the stack file declares beside what the gateway runs. */
export const list = defineCommand({
  options: {},
  examples: ['bantam fn list', 'bantam fn list -t pi', 'bantam fn list --json'],
  async run(_input, context) {
    const stack = await context.stackIfAny();
    const { gateway, describe } = await context.gateway();
    context.report({ type: 'target', text: describe });
    const deployed = await listAll(gateway, stack, context);
    const declared = new Map((stack?.functions ?? []).map((each) => [each.name, each]));
    const names = [...new Set([...declared.keys(), ...deployed.map(({ name }) => name)])].sort();
    const functions = names.map((name) => {
      const status = deployed.find((each) => each.name === name);
      return {
        name,
        state:
          status === undefined
            ? 'not deployed'
            : declared.has(name) || stack === undefined
              ? 'deployed'
              : 'deployed, not in the stack file',
        image: status?.image ?? declared.get(name)?.image ?? '',
        revision: status?.annotations?.['bantam.revision'] ?? '',
        replicas: status?.replicas ?? 0,
        invocations: status?.invocationCount ?? 0,
        // What runs is what is called; the stack file's word counts for what does not run yet.
        schedule: scheduleOf(status === undefined ? declared.get(name)?.annotations : status.annotations) ?? '',
      };
    });
    const undeclared = functions.filter(({ name }) => stack !== undefined && !declared.has(name));
    const columns = ['function', 'state', 'revision', 'replicas', 'image', 'schedule'];
    return {
      document: { gateway: gateway.url, functions },
      blocks:
        functions.length === 0
          ? [{ kind: 'line', text: 'no functions: bantam fn new hello --lang ts', only: 'terminal' }]
          : [
              {
                kind: 'table',
                only: 'pipe',
                columns,
                rows: functions.map((each) => [
                  each.name,
                  each.state,
                  each.revision.slice(0, 8),
                  String(each.replicas),
                  each.image,
                  each.schedule,
                ]),
              },
              {
                kind: 'table',
                only: 'terminal',
                columns: ['function', 'state', 'revision', 'schedule', 'image'],
                rows: functions.map((each) => [
                  each.name,
                  describeReplicas(deployed.find(({ name }) => name === each.name)),
                  each.revision.slice(0, 8),
                  each.schedule,
                  shorten(each.image),
                ]),
                wrapLast: true,
              },
              ...(undeclared.length === 0
                ? []
                : [
                    {
                      kind: 'line',
                      only: 'terminal',
                      text: `not in the stack file: ${undeclared.map(({ name }) => name).join(', ')}`,
                    } as const satisfies Block,
                  ]),
            ],
    };
  },
});

/** In place of state and replicas, for people: `2 replicas`, `1 of 2 replicas` while some are not available. */
function describeReplicas(status: FunctionStatus | undefined): string {
  if (status === undefined) return 'not deployed';
  const { replicas, availableReplicas } = status;
  const some = availableReplicas < replicas ? `${availableReplicas} of ` : '';
  return `${some}${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
}

/**
 * The functions of the namespace that `-n` or the target names; else those of the provider's own namespace and of each that
 * the stack file names. A name that is in several counts as the one that is declared.
 */
async function listAll(
  gateway: Gateway,
  stack: Stack | undefined,
  context: Context,
): Promise<readonly FunctionStatus[]> {
  const only = await context.namespace();
  if (only !== undefined) return await gateway.list(only, context.signal);
  const namespaces = new Set<string | undefined>([
    undefined,
    ...(stack?.functions ?? []).map(({ namespace }) => namespace),
  ]);
  const found = await Promise.all(
    [...namespaces].map(async (namespace) => {
      try {
        return await gateway.list(namespace, context.signal);
      } catch (thrown) {
        // A namespace that is not there yet must not hide the functions of the others.
        if (namespace === undefined || !(thrown instanceof UserError) || thrown.code !== 'BAN-E405') throw thrown;
        context.report({ type: 'warning', text: `the namespace ${namespace} cannot be listed: ${thrown.message}` });
        return [];
      }
    }),
  );
  const meant = new Map(stack?.functions.map(({ name, namespace }) => [name, namespace]));
  const byName = new Map<string, FunctionStatus>();
  for (const status of found.flat())
    if (!byName.has(status.name) || status.namespace === meant.get(status.name)) byName.set(status.name, status);
  return [...byName.values()];
}

/** A line of a terminal has no room for a digest beside a tag, and for twelve of its digits without one; JSON, TSV and `fn describe` have all of it. */
function shorten(image: string): string {
  return image.replace(/(:[^/:@]+)@sha256:[0-9a-f]+$/, '$1').replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1');
}
