import type { Context } from '../../context.ts';
import { UserError } from '../../errors.ts';
import type { Gateway } from '../../openfaas/gateway.ts';
import type { FunctionStatus } from '../../openfaas/wire.ts';
import type { Stack } from '../../stack/stack.ts';

/** Names of functions that use a secret. `deployed` is undefined where the gateway could not list its functions. */
export interface SecretUses {
  readonly deployed: readonly string[] | undefined;
  readonly declared: readonly string[];
}

/** Every use of secrets in one namespace. */
export interface Uses {
  of(secret: string): SecretUses;
  /** All secrets that some function uses. */
  readonly secrets: readonly string[];
}

/** Where both providers put functions that name no namespace. */
const usualNamespace = 'openfaas-fn';

/** Asks the gateway and the stack file. A gateway that cannot list its functions (no Prometheus) makes the answer unknown, and a warning. */
export async function readUses(gateway: Gateway, namespace: string | undefined, context: Context): Promise<Uses> {
  return usesOf(await listFunctions(gateway, namespace, context), await context.stackIfAny(), namespace);
}

/** Who uses what, of the functions in a namespace: `undefined` is where functions without one go. */
export function usesOf(
  deployed: readonly Pick<FunctionStatus, 'name' | 'secrets'>[] | undefined,
  stack: Pick<Stack, 'functions'> | undefined,
  namespace: string | undefined,
): Uses {
  // `fn deploy -n` sends all of them there.
  const declared = (stack?.functions ?? []).filter(
    (each) => namespace !== undefined || (each.namespace ?? usualNamespace) === usualNamespace,
  );
  const using = (secret: string, functions: readonly Pick<FunctionStatus, 'name' | 'secrets'>[]): string[] =>
    functions
      .filter(({ secrets }) => secrets?.includes(secret) === true)
      .map(({ name }) => name)
      .sort();
  const all = [...(deployed ?? []), ...declared].flatMap(({ secrets }) => secrets ?? []);
  return {
    of: (secret) => ({
      deployed: deployed === undefined ? undefined : using(secret, deployed),
      declared: using(
        secret,
        declared.map((each) => ({ name: each.name, secrets: [...each.secrets] })),
      ),
    }),
    secrets: [...new Set(all)].sort(),
  };
}

async function listFunctions(
  gateway: Gateway,
  namespace: string | undefined,
  { report, signal }: Context,
): Promise<readonly FunctionStatus[] | undefined> {
  try {
    return await gateway.list(namespace, signal);
  } catch (error) {
    if (!(error instanceof UserError) || (error.code !== 'BAN-E401' && error.code !== 'BAN-E405')) throw error;
    report({
      type: 'warning',
      text: `which deployed functions use secrets is not known: ${error.message}`,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
    return undefined;
  }
}
