import type { Block, Input } from '../../command.ts';
import type { Context, OpenGateway } from '../../context.ts';
import { requireSecretName } from '../../openfaas/secret-name.ts';
import { factLine } from '../describe-outcome.ts';
import { listSecretNames, type SecretAction, type SecretToWrite } from './send.ts';
import { readUses, type SecretUses } from './uses.ts';
import { openValue, type valueOptions } from './value.ts';

/** What of `secret create` and of `secret update` is its own. */
export interface SecretWriting {
  readonly command: 'create' | 'update';
  readonly send: (secret: SecretToWrite, target: OpenGateway, signal: AbortSignal) => Promise<SecretAction>;
  /** The lines below the one that says what became of the secret. */
  readonly describe: (action: SecretAction, functions: SecretUses) => readonly Block[];
}

/** Gives one secret a value: the name and the source are judged before the gateway is asked, what has to be piped or typed is read after it. Throws what {@link openValue} and `send` throw. */
export async function writeSecret(
  { names, options }: Input<typeof valueOptions>,
  context: Context,
  { command, send, describe }: SecretWriting,
): Promise<{ readonly document: Readonly<Record<string, unknown>>; readonly blocks: readonly Block[] }> {
  const [name = ''] = names;
  const namespace = await context.namespace();
  requireSecretName(name);
  const read = await openValue(name, options, command, context);
  const target = await context.gateway();
  context.report({ type: 'target', text: target.describe });
  const known = await listSecretNames(target, namespace, context.signal);
  const { value, trimmed } = await read();
  const action = await send({ name, value, namespace, known }, target, context.signal);
  const functions = (await readUses(target.gateway, namespace, context)).of(name);
  if (trimmed) context.report({ type: 'note', text: 'white space around the value was cut off (--no-trim keeps it)' });
  return {
    document: {
      gateway: target.gateway.url,
      provider: target.dialect.title,
      secrets: [{ name, action, trimmed, functions: { ...functions, deployed: functions.deployed ?? null } }],
    },
    blocks: [factLine([name, action]), ...describe(action, functions)],
  };
}
