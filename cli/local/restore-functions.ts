import type { Report } from '../events.ts';
import type { Dialect } from './dialect/dialect.ts';
import type { DesiredFunction, Provider } from './replicas/provider.ts';
import type { LocalStore } from './state/store.ts';

/** What functions are brought back from, and to. */
export interface Restoring {
  readonly store: Pick<LocalStore, 'functions' | 'lastRegistry' | 'keepRegistry'>;
  readonly provider: Pick<Provider, 'apply'>;
  /** `127.0.0.1:8585`: where the embedded registry is now. */
  readonly registry: string;
  /** How the gateway speaks now. */
  readonly dialect: Pick<Dialect, 'strategy' | 'allowReplicas'>;
  readonly report: Report;
}

/**
 * Starts the functions that an earlier gateway of this folder had, as they were deployed. If the gateway has another port than before, images of its own
 * registry get the new address. Returns their names.
 */
export async function restoreFunctions({
  store,
  provider,
  registry,
  dialect,
  report,
}: Restoring): Promise<readonly string[]> {
  const { functions, unreadable } = await store.functions.list();
  if (unreadable.length > 0)
    report({
      type: 'warning',
      text: `functions of another version of bantam cannot be read: ${unreadable.join(', ')}`,
      hint: 'deploy them again',
    });
  const before = await store.lastRegistry();
  for (const kept of functions) {
    const desired = before === undefined || before === registry ? kept : withRegistry(kept, before, registry);
    if (desired !== kept) await store.functions.keep(desired);
    // It may have been deployed while the gateway spoke otherwise.
    provider.apply({ ...desired, strategy: dialect.strategy, replicas: dialect.allowReplicas(desired.replicas) });
  }
  // Behind the functions: killed in between, the next start moves the rest.
  if (before !== registry) await store.keepRegistry(registry);
  return functions.map(({ name }) => name);
}

function withRegistry(desired: DesiredFunction, before: string, now: string): DesiredFunction {
  const { image } = desired.deployment;
  if (!image.startsWith(`${before}/`)) return desired;
  return { ...desired, deployment: { ...desired.deployment, image: `${now}${image.slice(before.length)}` } };
}
