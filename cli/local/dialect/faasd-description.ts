import type { FunctionState } from '../replicas/provider.ts';
import { present } from './dialect.ts';
import { faasdReference } from './faasd-image.ts';
import { parseQuantity } from './quantity.ts';

/**
 * A function as faasd tells of it: whether its container runs (not whether it answers), and its container's whole environment, the image's included.
 * Only the list tells the limit of memory, and it never tells what is available; numbers that are 0 are left out.
 */
export function describeFaasd(
  state: FunctionState,
  namespace: string,
  view: 'one' | 'list',
): Readonly<Record<string, unknown>> {
  const { deployment } = state;
  const { envVars, envProcess } = shownEnvironment(state);
  const runs = state.replicaStates.some(
    ({ generation, startedAt }) => generation === state.generation && startedAt !== undefined,
  );
  const memory = shownMemory(deployment.limits?.memory);
  return {
    name: state.name,
    image: faasdReference(deployment.image),
    namespace,
    ...present('envProcess', envProcess),
    ...present('envVars', envVars),
    ...present('secrets', deployment.secrets),
    labels: { ...deployment.labels },
    annotations: { ...deployment.annotations },
    ...(view === 'list' && memory !== undefined ? { limits: { memory } } : {}),
    ...(runs ? { replicas: 1 } : {}),
    ...(runs && view === 'one' ? { availableReplicas: 1 } : {}),
    createdAt: state.createdAt,
  };
}

/** What is read back from the container: without PATH, and each value only up to an equals sign in it. */
function shownEnvironment({ deployment, imageEnvironment }: FunctionState): {
  readonly envVars: Readonly<Record<string, string>>;
  readonly envProcess: string;
} {
  const whole = {
    ...imageEnvironment,
    ...deployment.envVars,
    ...(deployment.envProcess ? { fprocess: deployment.envProcess } : {}),
  };
  const cut = Object.entries(whole).map(([name, value]): [string, string] => [name, value.split('=')[0] ?? '']);
  return {
    envVars: Object.fromEntries(cut.filter(([name]) => name !== 'PATH' && name !== 'fprocess')),
    envProcess: Object.fromEntries(cut)['fprocess'] ?? '',
  };
}

/** Bytes in the largest unit of 1024 that holds them without a rest, as Kubernetes writes quantities; nothing for none and for what is no quantity. */
function shownMemory(text: string | undefined): string | undefined {
  const bytes = Math.ceil(parseQuantity(text ?? '') ?? 0);
  if (bytes === 0) return undefined;
  const units = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
  let number = bytes;
  let unit = 0;
  while (number % 1024 === 0 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number}${units[unit]}`;
}
