import { defineCommand } from '../../command.ts';
import { listSecretNames } from './send.ts';
import { readUses } from './uses.ts';

/** `bantam secret list`: the gateway's secrets, who uses them, and the ones that functions need and the gateway lacks. Names only; no gateway gives values away. */
export const list = defineCommand({
  options: {},
  examples: ['bantam secret list', 'bantam secret list --namespace openfaas-fn --json'],
  async run(_input, context) {
    const namespace = await context.namespace();
    const target = await context.gateway();
    context.report({ type: 'target', text: target.describe });
    const known = await listSecretNames(target, namespace, context.signal);
    const uses = await readUses(target.gateway, namespace, context);
    const absent = target.dialect.listsAllSecrets ? 'missing' : 'not listed';
    const secrets = [...new Set([...known, ...uses.secrets])].sort().map((name) => {
      const functions = uses.of(name);
      return {
        name,
        state: known.has(name) ? 'present' : absent,
        functions: { ...functions, deployed: functions.deployed ?? null },
      };
    });
    const lacking = secrets.filter(({ state }) => state !== 'present');
    if (lacking.length > 0)
      context.report({
        type: 'warning',
        text: `the gateway lists no ${lacking.map(({ name }) => name).join(', ')}`,
        hint: `bantam secret create ${lacking[0]?.name ?? 'NAME'}${target.dialect.listsAllSecrets ? '' : '; one that was made with kubectl works all the same, and is listed with the label app.kubernetes.io/managed-by=openfaas'}`,
      });
    return {
      document: { gateway: target.gateway.url, provider: target.dialect.title, secrets },
      blocks:
        secrets.length === 0
          ? [{ kind: 'line', text: 'no secrets: bantam secret create NAME', only: 'terminal' }]
          : [
              {
                kind: 'table',
                columns: ['secret', 'state', 'used by', 'declared by'],
                rows: secrets.map(({ name, state, functions }) => [
                  name,
                  state,
                  functions.deployed === null ? 'unknown' : functions.deployed.join(', '),
                  functions.declared.join(', '),
                ]),
              },
            ],
    };
  },
});
