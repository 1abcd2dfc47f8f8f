import { defineCommand } from '../command.ts';
import { removeCredentials } from '../openfaas/credentials.ts';

/** `bantam logout`: forgets the credentials of one gateway; the others stay. */
export const logout = defineCommand({
  options: {},
  examples: ['bantam logout --gateway http://pi-0:31112', 'bantam logout -t pi'],
  async run(_input, context) {
    const address = await context.gatewayAddress();
    const removed = await removeCredentials(address.key, context.credentialsPlace, context.signal);
    return {
      document: { gateway: address.url, removed },
      blocks: [
        {
          kind: 'line',
          text: removed ? `logged out of ${address.url}` : `there were no credentials for ${address.url}`,
        },
      ],
    };
  },
});
