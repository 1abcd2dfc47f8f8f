import type { OpenGateway } from '../../context.ts';
import { UserError } from '../../errors.ts';
import { encodeSecret } from '../../openfaas/secret-value.ts';

/** What became of a secret. */
export type SecretAction = 'created' | 'updated' | 'removed';

/** A secret to write. `known`: the names that the gateway lists. */
export interface SecretToWrite {
  readonly name: string;
  readonly value: Uint8Array;
  readonly namespace: string | undefined;
  readonly known: ReadonlySet<string>;
}

/** The names that a gateway lists. */
export async function listSecretNames(
  { gateway }: OpenGateway,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  return new Set((await gateway.secrets(namespace, signal)).map(({ name }) => name));
}

/** Makes a secret; with `replace` one that is there gets the value. Throws BAN-E605, BAN-E607. */
export async function createSecret(
  secret: SecretToWrite,
  replace: boolean,
  target: OpenGateway,
  signal: AbortSignal,
): Promise<SecretAction> {
  const { name, known } = secret;
  if (known.has(name)) {
    if (replace) return await updateSecret(secret, target, signal);
    throw existsAlready(name, target);
  }
  const answer = await target.gateway.createSecret(encodeSecret(name, secret.value, secret.namespace), signal);
  const judged = target.dialect.judgeSecret('create', answer);
  if (judged.verdict === 'accepted') return 'created';
  // Not listed, and there: somebody was quicker, or it was made with kubectl.
  if (judged.verdict === 'exists' && replace) return await updateSecret(secret, target, signal);
  if (judged.verdict === 'exists') throw existsAlready(name, target);
  throw refused('create', name, judged.verdict === 'rejected' ? judged.reason : `status ${answer.status}`);
}

/** Gives a secret that is there a new value. Throws BAN-E606, BAN-E607. */
export async function updateSecret(
  secret: SecretToWrite,
  target: OpenGateway,
  signal: AbortSignal,
): Promise<SecretAction> {
  const { name, known } = secret;
  // Elsewhere an unlisted one may be there: the gateway's own answer decides.
  if (target.dialect.writesSecretsBlindly && !known.has(name)) throw notThere(name, target);
  const answer = await target.gateway.updateSecret(encodeSecret(name, secret.value, secret.namespace), signal);
  const judged = target.dialect.judgeSecret('update', answer);
  if (judged.verdict === 'accepted') return 'updated';
  if (judged.verdict === 'absent') throw notThere(name, target);
  throw refused('update', name, judged.verdict === 'rejected' ? judged.reason : `status ${answer.status}`);
}

/** Takes a secret away. Throws BAN-E606, BAN-E607. */
export async function removeSecret(
  name: string,
  namespace: string | undefined,
  target: OpenGateway,
  signal: AbortSignal,
): Promise<SecretAction> {
  const answer = await target.gateway.removeSecret(name, namespace, signal);
  const judged = target.dialect.judgeSecret('remove', answer);
  if (judged.verdict === 'accepted') return 'removed';
  if (judged.verdict === 'absent') throw notThere(name, target);
  throw refused('remove', name, judged.verdict === 'rejected' ? judged.reason : `status ${answer.status}`);
}

function existsAlready(name: string, { gateway }: OpenGateway): UserError {
  return new UserError('BAN-E605', `${gateway.url} has a secret "${name}" already; nothing was sent`, {
    hint: `bantam secret update ${name} gives it a new value (so does --replace)`,
  });
}

function notThere(name: string, { gateway }: OpenGateway): UserError {
  return new UserError('BAN-E606', `${gateway.url} has no secret "${name}"`, {
    hint: 'bantam secret list shows what is there; bantam secret create makes one',
  });
}

function refused(change: string, name: string, reason: string): UserError {
  return new UserError('BAN-E607', `the gateway did not ${change} the secret ${name}: ${reason}`, {
    hint: 'look at the gateway’s own log; bantam secret list shows how things stand',
  });
}
