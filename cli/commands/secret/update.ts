import { defineCommand } from '../../command.ts';
import { describeRedeploy } from './describe-uses.ts';
import { updateSecret } from './send.ts';
import { valueOptions } from './value.ts';
import { writeSecret } from './write.ts';

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
    return await writeSecret(input, context, {
      command: 'update',
      send: updateSecret,
      describe: (_, functions) => describeRedeploy([functions]),
    });
  },
});
