import { defineCommand } from '../../command.ts';

/** `bantam fn list`: what the stack file declares beside what the gateway runs. */
export const list = defineCommand({
  options: {},
  examples: ['bantam fn list', 'bantam fn list --json'],
  async run(input, context) {
    const stack = await context.stackIfAny();
    const { gateway, describe } = await context.gateway();
    context.report({ type: 'target', text: describe });
    const deployed = await gateway.list(input.globals.namespace, context.signal);
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
      };
    });
    return {
      document: { gateway: gateway.url, functions },
      blocks:
        functions.length === 0
          ? [{ kind: 'line', text: 'no functions: bantam fn new hello --lang ts' }]
          : [
              {
                kind: 'table',
                columns: ['function', 'state', 'revision', 'replicas', 'image'],
                rows: functions.map((each) => [
                  each.name,
                  each.state,
                  each.revision.slice(0, 8),
                  String(each.replicas),
                  shorten(each.image),
                ]),
              },
            ],
    };
  },
});

/** `…/hello:latest@sha256:0123456789ab`: enough of a digest to recognise it. */
function shorten(image: string): string {
  return image.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+/, '$1');
}
