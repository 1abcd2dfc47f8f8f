import { type Block, defineCommand } from '../command.ts';
import type { Context } from '../context.ts';
import { UserError } from '../errors.ts';
import type { GatewayAddress } from '../openfaas/address.ts';
import { basicCredentials } from '../openfaas/authorization.ts';
import { openGateway } from '../openfaas/client.ts';
import { saveCredentials } from '../openfaas/credentials.ts';
import { readClusterLogin } from './cluster-login.ts';

/** `bantam login`: checks a user and password against the gateway and saves them where faas-cli looks too. */
export const login = defineCommand({
  options: {
    username: { flags: '-u, --username <name>', kind: 'text', description: 'user name (default: admin)' },
    passwordStdin: {
      flags: '-s, --password-stdin',
      kind: 'flag',
      description: 'read the password from standard input (default: ask for it on a terminal)',
    },
    fromCluster: {
      flags: '--from-cluster',
      kind: 'flag',
      description: 'read user, password and the gateway’s address with kubectl',
    },
    context: {
      flags: '--context <name>',
      kind: 'text',
      description: 'context of kubectl for --from-cluster (default: the current one; KUBECONFIG counts, too)',
    },
    openfaasNamespace: {
      flags: '--openfaas-namespace <name>',
      kind: 'text',
      description: 'namespace in which the gateway itself runs, for --from-cluster (default: openfaas)',
    },
  },
  examples: [
    'bantam login -g http://pi-0.lan:31112',
    'bantam login --from-cluster',
    'bantam login --from-cluster --context pi -g http://pi-0.lan:31112',
    'echo "$PASSWORD" | bantam login --gateway http://pi-0:31112 --password-stdin',
    'bantam login -t pi --from-cluster',
  ],
  async run(input, context) {
    const { options } = input;
    if (!options.fromCluster && (options.context !== undefined || options.openfaasNamespace !== undefined))
      throw new UserError('BAN-E001', '--context and --openfaas-namespace are about --from-cluster', {
        hint: 'add --from-cluster, or leave them out',
      });
    if (options.fromCluster && (options.passwordStdin || options.username !== undefined))
      throw new UserError('BAN-E001', '--from-cluster brings user and password along', {
        hint: 'leave out --username and --password-stdin',
      });
    const found = options.fromCluster
      ? await readClusterLogin(
          { context: options.context, namespace: options.openfaasNamespace ?? 'openfaas' },
          context,
        )
      : { ...(await readTypedLogin(options.passwordStdin, options.username, context)), from: undefined };
    const { address, user, password, from } = found;
    const gateway = openGateway({
      url: address.url,
      credentials: basicCredentials(user, password),
      report: context.report,
    });
    // /system/info answers on some gateways without looking at the credentials; the secrets need them everywhere, and unlike the list of functions they do not depend on Prometheus.
    await gateway.secrets(await context.namespace(), context.signal);
    const file = await saveCredentials(address.key, { user, password }, context.credentialsPlace, context.signal);
    const next = options.fromCluster ? await describeUse(address, context) : undefined;
    return {
      document: { gateway: address.url, username: user, file, ...(from === undefined ? {} : { from }) },
      blocks: [
        {
          kind: 'line',
          text: `logged in to ${address.url} as ${user}${from === undefined ? '' : ` (${from})`}; saved in ${file}`,
        },
        ...(next === undefined ? [] : [{ kind: 'line', text: `next: ${next}` } as const satisfies Block]),
      ],
    };
  },
});

async function readTypedLogin(
  passwordStdin: boolean,
  username: string | undefined,
  context: Context,
): Promise<{ readonly address: GatewayAddress; readonly user: string; readonly password: string }> {
  const user = username ?? 'admin';
  if (!passwordStdin && !context.interactive)
    throw new UserError('BAN-E001', 'nobody can be asked for the password here', {
      hint: `echo "$PASSWORD" | bantam login --password-stdin (a password in the command line would stay in the shell's history), or bantam login --from-cluster`,
    });
  const address = await context.gatewayAddress();
  if (!passwordStdin) {
    const typed = await context.askHidden(`password of ${user} at ${address.url} (not shown)`);
    if (!typed)
      throw new UserError('BAN-E001', 'no password was typed', {
        hint: 'bantam login --from-cluster reads it with kubectl',
      });
    return { address, user, password: typed };
  }
  const password = new TextDecoder().decode(await context.readInput()).replace(/\r?\n$/, '');
  if (password === '')
    throw new UserError('BAN-E001', 'standard input held no password', {
      hint: 'echo "$PASSWORD" | bantam login --password-stdin',
    });
  return { address, user, password };
}

/** How to have commands use a gateway whose address the cluster told, unless they do already. */
async function describeUse(address: GatewayAddress, context: Context): Promise<string | undefined> {
  if ((await context.gatewayAddress()).key === address.key) return undefined;
  return (await context.stackIfAny()) === undefined
    ? `bantam fn list -g ${address.url}, or export OPENFAAS_URL=${address.url}`
    : `write gateway: ${address.url} under provider of the stack file, or under x-bantam.targets.NAME`;
}
