import { join, relative, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { formatRepository, parseReference } from '../oci/reference.ts';

/** What the command line says about BuildKit's caches. */
export interface CacheRequest {
  /** `--build-cache`: gha, registry[=REPOSITORY], local[=FOLDER]; each function gets its own place there. */
  readonly short: readonly string[];
  /** `--cache-from` and `--cache-to`, as docker buildx takes them; `{name}` stands for the function. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** Where the caches of one function are, as the values of buildx's options. */
export interface CachePlan {
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** A local cache that is read, and replaced as a whole after the build: buildx itself would only ever add to it. */
  readonly local?: LocalCache;
}

/** A cache in a folder (absolute), and the folder that docker is to run in. */
export interface LocalCache {
  readonly folder: string;
  readonly working: string;
}

/** A plan without any. */
export const noCaches: CachePlan = { from: [], to: [] };

/** What a function's caches are named after. `scope` tells builds of the same function apart that may run side by side: the platforms of `--platform`. */
export interface CachedFunction {
  readonly name: string;
  readonly image: string;
  readonly scope: string;
}

/**
 * Throws BAN-E001 for what is no cache, and BAN-E214 where several functions would write to the same place: each would
 * throw away what the one before has written.
 */
export function checkCaches({ short, from, to }: CacheRequest, functions: number): void {
  for (const text of short)
    if (!/^(?:gha|registry|local)(?:=|$)/.test(text) || text.endsWith('=') || text.startsWith('gha='))
      throw new UserError('BAN-E001', `"${text}" is no cache`, {
        hint: 'write --build-cache gha, --build-cache registry[=REPOSITORY] or --build-cache local[=FOLDER]; --cache-from and --cache-to take all that docker buildx does',
      });
  const shared = to.find((text) => functions > 1 && !text.includes('{name}') && !/^type=inline\b/.test(text));
  if (shared !== undefined)
    throw new UserError(
      'BAN-E214',
      `${functions} functions would overwrite one another’s cache: --cache-to ${shared}`,
      {
        hint: 'write {name} where the name of the function shall stand (scope={name}, ref=REPOSITORY:{name}), or use --build-cache, which does so by itself',
      },
    );
  for (const text of [...from, ...to])
    if (text.trim() === '')
      throw new UserError('BAN-E001', 'an empty cache', {
        hint: 'write --cache-from type=gha,scope={name}, or --build-cache gha',
      });
}

/** The places of one function's caches. Folders of the command line are relative to `working`; the usual one is in `project`. */
export function planCaches(
  request: CacheRequest,
  cached: CachedFunction,
  { working, project }: { readonly working: string; readonly project: string },
): CachePlan {
  const { name, scope } = cached;
  const own = scope === '' ? name : `${name}-${scope}`;
  const fill = (text: string): string => text.replaceAll('{name}', name);
  const from: string[] = [];
  const to: string[] = [];
  let local: LocalCache | undefined;
  for (const text of request.short) {
    const equals = text.indexOf('=');
    // A cache that cannot be written must not keep a good image from its users: the builder warns.
    const [kind, place] = equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
    // What was built for other platforms before is better than nothing: most steps are the same for all of them.
    const readable = own === name ? [own] : [own, name];
    if (kind === 'gha') {
      from.push(...readable.map((each) => `type=gha,scope=bantam-${each}`));
      to.push(`type=gha,scope=bantam-${own},mode=max,ignore-error=true`);
    } else if (kind === 'registry') {
      const at = (each: string): string =>
        place === undefined
          ? `${formatRepository(parseReference(cached.image))}:buildcache-${each}`
          : `${place}:${each}`;
      from.push(...readable.map((each) => `type=registry,ref=${at(each)}`));
      to.push(`type=registry,ref=${at(own)},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true`);
    } else {
      const folder = place === undefined ? join(project, '.bantam/build-cache', own) : resolve(working, place, own);
      local = { folder, working };
      if (!isPlain(pathForBuildx(local, folder)))
        throw new UserError(
          'BAN-E214',
          `BuildKit reads no cache from ${folder}: it takes only ASCII characters in the path`,
          {
            hint: 'choose another folder, --build-cache local=FOLDER, or run bantam in the folder of the project',
          },
        );
    }
  }
  return {
    from: [...from, ...request.from.map(fill)],
    to: [...to, ...request.to.map(fill)],
    ...(local === undefined ? {} : { local }),
  };
}

/**
 * A path of a local cache as it is written for buildx: BuildKit 0.25 sends it in a header and fails on other characters than
 * ASCII's, so that the relative path may work where the absolute one does not.
 */
export function pathForBuildx({ working }: LocalCache, path: string): string {
  return isPlain(path) ? path : relative(working, path);
}

function isPlain(path: string): boolean {
  return /^[\x20-\x7e]*$/.test(path);
}

/** One CSV line of NAME=VALUE fields. */
export function field(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .map((text) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text))
    .join(',');
}

/** Whether a cache is that of GitHub Actions. */
export function isGitHubCache(text: string): boolean {
  return /(?:^|,)type=gha\b/.test(text);
}

/**
 * Why the cache of GitHub Actions cannot be reached from here: buildx leaves it out without a word then. GitHub hands the
 * token to actions only, not to `run` steps.
 */
export function missingGitHubCache(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const address = environment['ACTIONS_RESULTS_URL'] || environment['ACTIONS_CACHE_URL'];
  if (environment['ACTIONS_RUNTIME_TOKEN'] && address) return undefined;
  return environment['GITHUB_ACTIONS'] === 'true'
    ? 'the gha cache is not used: ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL reach a `run` step only after a step with `uses: crazy-max/ghaction-github-runtime@v3`'
    : 'the gha cache is not used: it is there only in GitHub Actions';
}
