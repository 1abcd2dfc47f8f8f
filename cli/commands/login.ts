import { defineCommand } from '../command.ts';
import { UserError } from '../errors.ts';
import { basicCredentials } from '../openfaas/authorization.ts';
import { openGateway } from '../openfaas/client.ts';
import { saveCredentials } from '../openfaas/credentials.ts';

/** `bantam login`: checks a user and password against the gateway and saves them where faas-cli looks too. */
export const login = defineCommand({
  options: {
    username: { flags: '-u, --username <name>', kind: 'text', description: 'user name (default: admin)' },
    passwordStdin: {
      flags: '-s, --password-stdin',
      kind: 'flag',
      description: 'read the password from standard input',
    },
  },
  examples: [
    'echo "$PASSWORD" | bantam login --gateway http://pi-0:31112 --password-stdin',
    'kubectl get secret -n openfaas basic-auth -o jsonpath="{.data.basic-auth-password}" | base64 -d | bantam login -g http://pi-0:31112 --password-stdin',
  ],
  async run(input, context) {
    if (!input.options.passwordStdin)
      throw new UserError('BAN-E001', 'the password is read from standard input only', {
        hint: `echo "$PASSWORD" | bantam login --password-stdin (a password in the command line would stay in the shell's history)`,
      });
    const address = await context.gatewayAddress();
    const user = input.options.username ?? 'admin';
    const password = new TextDecoder().decode(await context.readInput()).replace(/\r?\n$/, '');
    if (password === '')
      throw new UserError('BAN-E001', 'standard input held no password', {
        hint: 'echo "$PASSWORD" | bantam login --password-stdin',
      });
    const gateway = openGateway({
      url: address.url,
      credentials: basicCredentials(user, password),
      report: context.report,
    });
    // /system/info answers on some gateways without looking at the credentials; the secrets need them everywhere, and unlike the list of functions they do not depend on Prometheus.
    await gateway.secrets(input.globals.namespace, context.signal);
    const file = await saveCredentials(address.key, { user, password }, context.credentialsPlace, context.signal);
    return {
      document: { gateway: address.url, username: user, file },
      blocks: [{ kind: 'line', text: `logged in to ${address.url} as ${user}; saved in ${file}` }],
    };
  },
});
