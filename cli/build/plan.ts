import type { Platform } from '../oci/platform.ts';
import { formatPlatform } from '../oci/platform.ts';
import type { Reference } from '../oci/reference.ts';
import { formatReference } from '../oci/reference.ts';
import { type BuildSecret, secretArgument } from './build-secrets.ts';
import { type CachePlan, field, pathForBuildx } from './cache.ts';

/**
 * Where an image goes. `push`: to its registry, by bantam itself, from a layout that was checked first. `layout`: an OCI
 * image layout folder of the user's. `load`: the Docker engine. `check`: nowhere, it is read back and thrown away.
 */
export type Output =
  | { readonly kind: 'push' }
  | { readonly kind: 'layout'; readonly folder: string }
  | { readonly kind: 'load' }
  | { readonly kind: 'check' };

/** Everything a builder needs to know about one function, decided before anything is done. */
export interface BuildPlan {
  readonly name: string;
  /** Absolute path of the prepared build context; its Dockerfile is in it. */
  readonly context: string;
  /** Hash over all that is in the context: the same files, the same digest. */
  readonly contextDigest: string;
  /** Whether its template is one of bantam's, with a build description; what others make only their Dockerfile knows. */
  readonly described: boolean;
  readonly reference: Reference;
  readonly platforms: readonly Platform[];
  readonly output: Output;
  readonly buildArguments: Readonly<Record<string, string>>;
  /** Build arguments whose values docker takes from its own environment (`http_proxy`). */
  readonly inheritedArguments: readonly string[];
  /** Replacements of FROM references: `--build-context NAME=VALUE` of buildx (a mirror, an air-gapped cluster, stand-ins in tests). */
  readonly buildContexts: Readonly<Record<string, string>>;
  /** A builder instance; undefined is the user's current one. `own`: bantam makes it if it is not there. */
  readonly instance: { readonly name: string; readonly own: boolean } | undefined;
  readonly secrets: readonly BuildSecret[];
  /** Labels of the image. */
  readonly labels: Readonly<Record<string, string>>;
  /** `cache`: no step is taken from the builder's cache. `pull`: base images are looked up anew. */
  readonly fresh: { readonly cache: boolean; readonly pull: boolean };
  readonly caches: CachePlan;
  readonly ownHistoryEntries: number;
  /** Lines of the Dockerfile that RUN on the target platform, for the message when emulation is missing. */
  readonly targetRuns: readonly { readonly line: number; readonly text: string }[];
  /** The user's folder that the context's handler folder was copied from, to turn compilers' paths back. */
  readonly sources: { readonly inContext: string; readonly folder: string } | undefined;
}

/** Files of buildx: the digest, the image as a layout folder (for `push` and `layout`), the new local cache of the plan, and what it reads of the old one. */
export interface BuildFiles {
  readonly metadata: string;
  readonly layout: string;
  readonly cache?: string;
  readonly oldCache?: string;
}

/** The argv of `docker` for a plan; most values of build arguments are in {@link buildxEnvironment}. To show it: {@link shownArguments}. Pure. */
export function buildxArguments(plan: BuildPlan, files: BuildFiles): readonly string[] {
  return [
    'buildx',
    'build',
    ...(plan.instance === undefined ? [] : ['--builder', plan.instance.name]),
    '--platform',
    plan.platforms.map(formatPlatform).join(','),
    '--progress=rawjson',
    '--metadata-file',
    files.metadata,
    '--provenance=false',
    '--sbom=false',
    ...Object.entries(plan.buildArguments).flatMap(([name, value]) => [
      '--build-arg',
      isFree(name) ? name : `${name}=${value}`,
    ]),
    ...plan.inheritedArguments.flatMap((name) => ['--build-arg', name]),
    ...plan.secrets.flatMap((secret) => ['--secret', secretArgument(secret)]),
    ...Object.entries(plan.labels).flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    ...(plan.fresh.cache ? ['--no-cache'] : []),
    ...(plan.fresh.pull ? ['--pull'] : []),
    ...plan.caches.from.flatMap((text) => ['--cache-from', text]),
    ...plan.caches.to.flatMap((text) => ['--cache-to', text]),
    ...localCacheArguments(plan.caches, files),
    ...Object.entries(plan.buildContexts).flatMap(([name, value]) => ['--build-context', `${name}=${value}`]),
    ...outputArguments(plan, files),
    '--',
    plan.context,
  ];
}

/**
 * The same for people and logs, without what may be a secret: values of build arguments that stay in the command line,
 * credentials in addresses, and those of caches (`secret_access_key=…`). Pure.
 */
export function shownArguments(plan: BuildPlan, files: BuildFiles): readonly string[] {
  const hidden = Object.fromEntries(Object.keys(plan.buildArguments).map((name) => [name, '…']));
  const { from, to } = plan.caches;
  const caches = { ...plan.caches, from: from.map(hideKeys), to: to.map(hideKeys) };
  const shown = buildxArguments({ ...plan, buildArguments: hidden, caches }, files);
  return shown.map((word) => word.replace(/(:\/\/)[^/@\s]+@/g, '$1…@'));
}

/** Attributes of caches that are credentials; a field of the CSV line may be quoted as a whole. */
const credential = /("?)(\w*(?:token|secret|password|access_key|account_key)\w*)=(?:(?<="\w*=)[^"]*|[^,]*)/gi;

function hideKeys(cache: string): string {
  return cache.replace(credential, '$1$2=…');
}

/** A local cache is written beside the one that is read, which it replaces when the build has succeeded. */
function localCacheArguments({ local }: CachePlan, { cache, oldCache }: BuildFiles): readonly string[] {
  if (local === undefined) return [];
  const src = pathForBuildx(local, oldCache ?? local.folder);
  const dest = pathForBuildx(local, cache ?? local.folder);
  return ['--cache-from', field({ type: 'local', src }), '--cache-to', field({ type: 'local', dest, mode: 'max' })];
}

/**
 * The environment of `docker` for a plan. It makes builds repeatable: BuildKit takes all times from it
 * (reproducible-builds.org/specs/source-date-epoch). And it holds the values of build arguments, which are tokens at times:
 * everybody on the machine can read a command line.
 */
export function buildxEnvironment(plan: BuildPlan): Readonly<Record<string, string>> {
  const values = Object.entries(plan.buildArguments).filter(([name]) => isFree(name));
  return { ...Object.fromEntries(values), ...repeatable };
}

/**
 * Names that mean something to docker, to buildx, to what they start (credential helpers, ssh, git) or to the system. An
 * argument of such a name must not become their variable, so its value stays in the command line.
 */
const taken =
  /^(PATH|HOME|USER|LOGNAME|SHELL|PWD|TERM|LANG|LANGUAGE|TZ|TMPDIR|TMP|TEMP|DISPLAY|EDITOR|HOSTNAME|KUBECONFIG|GNUPGHOME|NO_COLOR|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|(HTTPS?|FTP|NO|ALL)_PROXY|(DOCKER|BUILDX|BUILDKIT|COMPOSE|SOURCE_DATE|XDG|LC|LD|DYLD|SSL|SSH|GPG|DBUS|GIT|OTEL|KUBERNETES|EXPERIMENTAL|METRICS|MALLOC|PASSWORD_STORE)_.*|GO(DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK|RACE|COVERDIR))$/i;

/** Names of secrets that none of them reads, whatever they begin with: `GIT_TOKEN`, `DOCKER_PASSWORD`. */
const secret = /^(?!PASSWORD_STORE_)\w+_(TOKEN|PASSWORD|PASSWD|SECRET|API_KEY|PRIVATE_KEY)$/i;

/** Whether a build argument's value can be handed on in the environment. */
function isFree(name: string): boolean {
  return /^[A-Za-z_][\w.-]*$/.test(name) && (!taken.test(name) || secret.test(name));
}

const repeatable: Readonly<Record<string, string>> = {
  SOURCE_DATE_EPOCH: '0',
  BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
  BUILDX_METADATA_PROVENANCE: 'disabled',
};

/**
 * A push is an export to a layout too: the docker driver cannot push by digest ("push-by-digest is currently not
 * implemented for docker driver"), and what lies in a folder can be checked before anybody sees it. `rewrite-timestamp`
 * sets the times inside the layers; without `oci-mediatypes` an image without provenance gets Docker's media types.
 */
function outputArguments(plan: BuildPlan, files: BuildFiles): string[] {
  switch (plan.output.kind) {
    case 'push':
    case 'layout':
    case 'check':
      return [
        '--output',
        // One field of a CSV line: quotes in the path are doubled.
        `type=oci,"dest=${files.layout.replaceAll('"', '""')}",tar=false,oci-mediatypes=true,rewrite-timestamp=true`,
      ];
    case 'load':
      return ['--tag', formatReference(plan.reference), '--load'];
  }
}
