import { defineCommand } from '../../command.ts';
import { describeRedeploy, describeWaiting } from './describe-uses.ts';
import { createSecret } from './send.ts';
import { valueOptions } from './value.ts';
import { writeSecret } from './write.ts';

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
    return await writeSecret(input, context, {
      command: 'create',
      send: (secret, target, signal) => createSecret(secret, input.options.replace, target, signal),
      describe: (action, functions) =>
        action === 'updated' ? describeRedeploy([functions]) : describeWaiting(functions.declared),
    });
  },
});
