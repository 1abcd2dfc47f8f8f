import { defineCommand } from '../../command.ts';
import { requireSecretName } from '../../openfaas/secret-name.ts';
import { factLine } from '../describe-outcome.ts';
import { describeRedeploy, describeWaiting } from './describe-uses.ts';
import { createSecret, listSecretNames } from './send.ts';
import { readUses } from './uses.ts';
import { openValue, valueOptions } from './value.ts';

/** `bantam secret create`: a new secret on the gateway, its value from a file, a variable, standard input or typed unseen. */
export const create = defineCommand({
  arguments: [{ name: '<name>', description: 'the secret' }],
  options: {
    ...valueOptions,
    replace: { flags: '--replace', kind: 'flag', description: 'give it the value if it is there already' },
  },
  examples: [
    'bantam secret create api-token',
    'bantam secret create api-token --from-file token.txt',
    'pass show api-token | bantam secret create api-token',
    'bantam secret create api-token --from-env API_TOKEN --replace',
  ],
  async run(input, context) {
    const [name = ''] = input.names;
    const namespace = await context.namespace();
    requireSecretName(name);
    const read = await openValue(name, input.options, 'create', context);
    const target = await context.gateway();
    context.report({ type: 'target', text: target.describe });
    const known = await listSecretNames(target, namespace, context.signal);
    const { value, trimmed } = await read();
    const action = await createSecret({ name, value, namespace, known }, input.options.replace, target, context.signal);
    const functions = (await readUses(target.gateway, namespace, context)).of(name);
    if (trimmed)
      context.report({ type: 'note', text: 'white space around the value was cut off (--no-trim keeps it)' });
    return {
      document: {
        gateway: target.gateway.url,
        provider: target.dialect.title,
        secrets: [{ name, action, trimmed, functions: { ...functions, deployed: functions.deployed ?? null } }],
      },
      blocks: [
        factLine([name, action]),
        ...(action === 'updated' ? describeRedeploy([functions]) : describeWaiting(functions.declared)),
      ],
    };
  },
});
