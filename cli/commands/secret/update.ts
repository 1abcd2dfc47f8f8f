import { defineCommand } from '../../command.ts';
import { requireSecretName } from '../../openfaas/secret-name.ts';
import { factLine } from '../describe-outcome.ts';
import { describeRedeploy } from './describe-uses.ts';
import { listSecretNames, updateSecret } from './send.ts';
import { readUses } from './uses.ts';
import { openValue, valueOptions } from './value.ts';

/** `bantam secret update`: a new value for a secret that is there, and the functions that have to start anew to see it. */
export const update = defineCommand({
  arguments: [{ name: '<name>', description: 'the secret' }],
  options: valueOptions,
  examples: [
    'bantam secret update api-token',
    'bantam secret update api-token --from-file token.txt',
    'openssl rand -hex 32 | bantam secret update api-token',
  ],
  async run(input, context) {
    const [name = ''] = input.names;
    const namespace = await context.namespace();
    requireSecretName(name);
    const read = await openValue(name, input.options, 'update', context);
    const target = await context.gateway();
    context.report({ type: 'target', text: target.describe });
    const known = await listSecretNames(target, namespace, context.signal);
    const { value, trimmed } = await read();
    const action = await updateSecret({ name, value, namespace, known }, target, context.signal);
    const functions = (await readUses(target.gateway, namespace, context)).of(name);
    if (trimmed)
      context.report({ type: 'note', text: 'white space around the value was cut off (--no-trim keeps it)' });
    return {
      document: {
        gateway: target.gateway.url,
        provider: target.dialect.title,
        secrets: [{ name, action, trimmed, functions: { ...functions, deployed: functions.deployed ?? null } }],
      },
      blocks: [factLine([name, action]), ...describeRedeploy([functions])],
    };
  },
});
