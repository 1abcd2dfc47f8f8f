import { join, resolve } from 'node:path';
import { type Block, defineCommand } from '../../command.ts';
import type { Context, OpenGateway } from '../../context.ts';
import { describeFailure, exitCodeOf, type Failure, gravest, UserError } from '../../errors.ts';
import { requireSecretName } from '../../openfaas/secret-name.ts';
import { describeFailureOf, factLine } from '../describe-outcome.ts';
import { describeRedeploy, describeWaiting } from './describe-uses.ts';
import { readSecretFolder, type SecretFile } from './secret-files.ts';
import { createSecret, listSecretNames, type SecretAction, updateSecret } from './send.ts';
import { readUses } from './uses.ts';

/** `bantam secret apply`: each file of `.secrets` beside the stack file becomes a secret of its name, or its new value. Nothing is removed. */
export const apply = defineCommand({
  arguments: [{ name: '[names...]', description: 'secrets (default: every file of the folder)' }],
  options: {
    folder: {
      flags: '--folder <path>',
      kind: 'text',
      description: 'the folder (default: .secrets beside the stack file)',
    },
    noTrim: {
      flags: '--no-trim',
      kind: 'flag',
      description: 'keep white space around values of one line (else cut off)',
    },
  },
  examples: ['bantam secret apply', 'bantam secret apply api-token', 'bantam secret apply --folder secrets/production'],
  async run(input, context) {
    const { options, names } = input;
    const namespace = await context.namespace();
    for (const name of names) requireSecretName(name);
    const stack = await context.stackIfAny();
    const folder =
      options.folder === undefined
        ? join(stack?.folder ?? context.folder, '.secrets')
        : resolve(context.folder, options.folder);
    const { files, passedOver } = await readSecretFolder(folder, names, options.noTrim, context.signal);
    const target = await context.gateway();
    context.report({ type: 'target', text: `${target.describe}, ${files.length} of ${folder}` });
    for (const name of passedOver)
      context.report({ type: 'warning', text: `${join(folder, name)} is a folder and was passed over` });
    const known = await listSecretNames(target, namespace, context.signal);
    const outcomes: SecretOutcome[] = [];
    for (const file of files) outcomes.push(await applyFile(file, known, namespace, target, context));
    const uses = await readUses(target.gateway, namespace, context);
    const changed = (action: SecretAction): ReturnType<typeof uses.of>[] =>
      outcomes.flatMap((each) => ('action' in each && each.action === action ? [uses.of(each.name)] : []));
    const created = [...new Set(changed('created').flatMap(({ declared }) => declared))].sort();
    const widest = Math.max(...files.map(({ name }) => name.length), 0);
    return {
      exit: gravest(outcomes.map((each) => ('failure' in each ? exitCodeOf(each.failure) : 0))),
      document: {
        gateway: target.gateway.url,
        provider: target.dialect.title,
        folder,
        secrets: outcomes.map((each) => {
          const functions = uses.of(each.name);
          return { ...each, functions: { ...functions, deployed: functions.deployed ?? null } };
        }),
      },
      blocks: [
        ...(outcomes.length === 0 ? [{ kind: 'line', text: `no secrets in ${folder}` } satisfies Block] : []),
        ...outcomes.flatMap((each) =>
          'failure' in each
            ? describeFailureOf(each.name, each.failure)
            : [factLine([each.name, each.action], { width: widest })],
        ),
        ...describeRedeploy(changed('updated')),
        ...describeWaiting(created),
      ],
    };
  },
});

type SecretOutcome =
  | { readonly name: string; readonly action: SecretAction; readonly trimmed: boolean }
  | { readonly name: string; readonly failure: Failure };

async function applyFile(
  file: SecretFile,
  known: ReadonlySet<string>,
  namespace: string | undefined,
  target: OpenGateway,
  { report, signal }: Context,
): Promise<SecretOutcome> {
  if ('failure' in file) return file;
  const { name, value, trimmed } = file;
  try {
    report({ type: 'progress', about: name, text: 'sending' });
    const secret = { name, value, namespace, known };
    const action = known.has(name)
      ? await updateSecret(secret, target, signal)
      : await createSecret(secret, true, target, signal);
    return { name, action, trimmed };
  } catch (thrown) {
    if (!(thrown instanceof UserError)) throw thrown;
    return { name, failure: describeFailure(thrown) };
  } finally {
    report({ type: 'ended', about: name });
  }
}
