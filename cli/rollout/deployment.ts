import { formatRepository, parseReference } from '../oci/reference.ts';
import type { Dialect } from '../openfaas/dialects.ts';
import type { FunctionDeployment, Resources } from '../openfaas/wire.ts';
import type { StackFunction } from '../stack/stack.ts';
import { identityNames } from './identities.ts';

/** The image a function is deployed with. */
export interface DeployedImage {
  /** What the gateway is told; see {@link deployedReference}. */
  readonly reference: string;
  /** Digest of the index (or manifest) behind it, `sha256:…`; undefined where no registry could be asked: then nothing is ever "unchanged". */
  readonly digest: string | undefined;
  /** True if the image holds one of our runtimes, which answers `/_/ready` with its identities. */
  readonly bantamRuntime: boolean;
}

/** The two ids that a deployment carries. */
export interface DeploymentIds {
  readonly revision: string;
  readonly deploy: string;
}

/** The body that is sent for one function: what the stack file says, in the fields faas-cli would use, and the ids as annotations and environment. */
export function describeDeployment(fn: StackFunction, image: DeployedImage, ids: DeploymentIds): FunctionDeployment {
  const plain = describeSettings(fn, image.reference);
  const { annotations, environment } = identityNames;
  return {
    ...plain,
    envVars: { ...plain.envVars, [environment.revision]: ids.revision, [environment.deploy]: ids.deploy },
    annotations: { ...plain.annotations, [annotations.revision]: ids.revision, [annotations.deploy]: ids.deploy },
  };
}

/** The same without ids. Lists whose order means nothing are sorted, doubles dropped; what the stack file does not say is left out, as faas-cli leaves it out. */
export function describeSettings(fn: StackFunction, image: string): FunctionDeployment {
  const names: readonly string[] = [
    ...Object.values(identityNames.annotations),
    ...Object.values(identityNames.environment),
  ];
  const own = (map: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(map).filter(([key]) => !names.includes(key)));
  return {
    service: fn.name,
    image,
    ...(fn.namespace === undefined ? {} : { namespace: fn.namespace }),
    ...(fn.process === undefined ? {} : { envProcess: fn.process }),
    envVars: own(fn.environment),
    ...(fn.constraints.length === 0 ? {} : { constraints: sorted(fn.constraints) }),
    ...(fn.secrets.length === 0 ? {} : { secrets: sorted(fn.secrets) }),
    labels: { ...fn.labels },
    annotations: own(fn.annotations),
    ...quantities('limits', fn.limits),
    ...quantities('requests', fn.requests),
    ...(fn.readOnlyRootFilesystem ? { readOnlyRootFilesystem: true } : {}),
  };
}

/**
 * The reference to deploy: `repo:tag@sha256:…` where the dialect takes it, so that lists stay readable, else `repo@sha256:…`.
 * Without a digest the reference stays as it is. Throws BAN-E305.
 */
export function deployedReference(
  image: string,
  digest: string | undefined,
  dialect: Pick<Dialect, 'imageForm'>,
): string {
  const reference = parseReference(image);
  if (digest === undefined) return image;
  const tag = dialect.imageForm === 'tag-and-digest' && reference.tag !== undefined ? `:${reference.tag}` : '';
  return `${formatRepository(reference)}${tag}@${digest}`;
}

function quantities(
  key: 'limits' | 'requests',
  wanted: StackFunction['limits'],
): { readonly limits?: Resources; readonly requests?: Resources } {
  return wanted === undefined || (wanted.memory === undefined && wanted.cpu === undefined)
    ? {}
    : { [key]: { ...wanted } };
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
