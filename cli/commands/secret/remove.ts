import { defineCommand } from '../../command.ts';
import { describeFailure, exitCodeOf, gravest, UserError } from '../../errors.ts';
import { requireSecretName } from '../../openfaas/secret-name.ts';
import { describeFailureOf, factLine } from '../describe-outcome.ts';
import { removeSecret } from './send.ts';
import { readUses, type SecretUses } from './uses.ts';

/** `bantam secret remove`: takes secrets off the gateway. One that a deployed function uses stays, unless --yes. */
export const remove = defineCommand({
  arguments: [{ name: '<names...>', description: 'the secrets' }],
  options: {},
  examples: ['bantam secret remove api-token', 'bantam secret remove old-token older-token --yes'],
  async run(input, context) {
    const { yes } = input.globals;
    const namespace = await context.namespace();
    const names = [...new Set(input.names)];
    for (const name of names) requireSecretName(name);
    const target = await context.gateway();
    context.report({ type: 'target', text: target.describe });
    const uses = await readUses(target.gateway, namespace, context);
    const secrets = [];
    for (const name of names) {
      const functions = uses.of(name);
      const document = { name, functions: { ...functions, deployed: functions.deployed ?? null } };
      try {
        if (!yes) refuseUsed(name, functions);
        const action = await removeSecret(name, namespace, target, context.signal);
        secrets.push({ ...document, action });
        for (const text of consequences(functions)) context.report({ type: 'warning', about: name, text });
      } catch (thrown) {
        if (!(thrown instanceof UserError)) throw thrown;
        secrets.push({ ...document, failure: describeFailure(thrown) });
      }
    }
    const widest = Math.max(...names.map(({ length }) => length));
    return {
      exit: gravest(secrets.map((each) => ('failure' in each ? exitCodeOf(each.failure) : 0))),
      document: { gateway: target.gateway.url, provider: target.dialect.title, secrets },
      blocks: secrets.flatMap((each) =>
        'failure' in each
          ? describeFailureOf(each.name, each.failure)
          : [factLine([each.name, each.action], { width: widest })],
      ),
    };
  },
});

/** No provider refuses it: the function goes on, and its next replica cannot start. */
function refuseUsed(name: string, { deployed }: SecretUses): void {
  if (deployed?.length === 0) return;
  throw new UserError(
    'BAN-E608',
    deployed === undefined
      ? `${name} stays: whether deployed functions use it is not known`
      : `${name} stays: ${deployed.join(', ')} ${deployed.length === 1 ? 'uses' : 'use'} it, and ${deployed.length === 1 ? 'its' : 'their'} next replica could not start without it`,
    { hint: `bantam secret remove ${name} --yes removes it all the same` },
  );
}

function consequences({ deployed = [], declared }: SecretUses): string[] {
  return [
    ...(deployed.length === 0 ? [] : [`used by ${deployed.join(', ')}: the next replica will not start`]),
    ...(declared.length === 0 ? [] : [`declared by ${declared.join(', ')} in the stack file: deploying will fail`]),
  ];
}
