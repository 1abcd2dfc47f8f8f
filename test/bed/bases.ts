import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Kit } from './base-kit.ts';
import { cacheFolder, contentHash, unfinishedName, type Versions } from './cache.ts';
import { type DebianArchitecture, debianReason, ownArchitecture } from './debian.ts';
import { readPinnedBases, spellingsOf } from './pinned-bases.ts';
import { reasonOf, run, succeeds } from './program.ts';
import { busyboxReference, type StandIn, standInFor } from './stand-ins.ts';
import type { Work } from './work.ts';

/** Change it when a recipe of stand-ins.ts, base-layers.ts or base-kit.ts changes in a way that its data does not show. */
const recipeVersion = 2;

const platformNames: Readonly<Record<DebianArchitecture, { readonly platform: string; readonly target: string }>> = {
  amd64: { platform: 'linux/amd64', target: 'amd64' },
  arm64: { platform: 'linux/arm64', target: 'arm64' },
  armhf: { platform: 'linux/arm/v7', target: 'arm' },
};

/** Whether the engine reaches the public registries and finds every pinned base there. */
export async function realBasesAnswer(work: Work, docker: string): Promise<boolean> {
  const references = await readPinnedBases();
  const environment = work.state.environment;
  const found = await Promise.all(
    references.map((reference) =>
      succeeds(docker, ['buildx', 'imagetools', 'inspect', '--raw', reference], {
        environment,
        timeout: 20_000,
        signal: work.signal,
      }),
    ),
  );
  return found.every((answer) => answer);
}

export interface Bases {
  /** `NAME=VALUE` pairs for `docker buildx build --build-context`. */
  readonly contexts: readonly string[];
  readonly names: readonly string[];
  /** A sentence for each pinned base that has no stand-in here. */
  readonly failures: readonly string[];
}

/** Makes the stand-ins that are missing in the registry at `registry` and says which reference each one answers. */
export async function provideStandIns(work: Work, docker: string, registry: string): Promise<Bases> {
  const contexts: string[] = [];
  const names = new Set<string>();
  const failures: string[] = [];
  const folder = await unfinishedName(join(cacheFolder(), 'base'));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const kit = new Kit(work.archives, folder, work.signal);
  // The modes of what is made here end up in the images.
  const umask = process.umask(0o022);
  try {
    for (const reference of [...(await readPinnedBases()), busyboxReference]) {
      try {
        const recipe = standInFor(reference);
        if (recipe === undefined) throw new Error('no recipe in test/bed/stand-ins.ts');
        const image = await provideStandIn(work, docker, registry, recipe, kit);
        for (const spelling of spellingsOf(reference)) contexts.push(`${spelling}=docker-image://${image}`);
        names.add(recipe.name.replace('base/', ''));
      } catch (error) {
        work.signal?.throwIfAborted();
        failures.push(`no stand-in for ${reference}: ${reasonOf(error)}`);
      }
    }
  } finally {
    process.umask(umask);
    await rm(folder, { recursive: true, force: true });
  }
  return { contexts, names: [...names], failures };
}

async function provideStandIn(
  work: Work,
  docker: string,
  registry: string,
  recipe: StandIn,
  kit: Kit,
): Promise<string> {
  const { name, platforms, settings } = recipe;
  const facts = await Promise.all(recipe.layers.map((layer) => layer.facts?.() ?? ''));
  const tag = `${name}-${contentHash({ recipeVersion, name, platforms, settings, facts, own: ownArchitecture() })}`;
  const image = `${registry}/${tag}`;
  if (await isThere(registry, tag)) return image;
  const reason = await debianReason();
  if (reason !== undefined) throw new Error(`the public image is not reachable, and a stand-in ${reason}`);
  work.report(`making ${name}, in place of the public image`);
  await build(work, docker, kit, recipe, image);
  return image;
}

async function build(work: Work, docker: string, kit: Kit, recipe: StandIn, image: string): Promise<void> {
  const own = ownArchitecture() ?? 'amd64';
  const all = { all: ['amd64', 'arm64', 'armhf'], 'arm64-amd64': ['amd64', 'arm64'], own: [own] } as const;
  const architectures: readonly DebianArchitecture[] = all[recipe.platforms];
  const context = join(kit.temporary, `context-${recipe.name.replace('/', '-')}`);
  const versions: Record<string, Versions> = {};
  for (const architecture of architectures) {
    const root = join(context, `root-${platformNames[architecture].target}`);
    await mkdir(root, { recursive: true });
    const made: Record<string, string> = {};
    for (const layer of recipe.layers) Object.assign(made, await layer.fill(kit, root, architecture));
    versions[architecture] = made;
  }
  await writeFile(
    join(context, 'Dockerfile'),
    ['FROM scratch', 'ARG TARGETARCH', 'COPY root-$TARGETARCH/ /', ...recipe.settings, ''].join('\n'),
  );
  const platform = architectures.map((name) => platformNames[name].platform).join(',');
  // Images of build stages are never shipped: better quickly made than small.
  const level = recipe.platforms === 'own' ? ',compression=gzip,compression-level=1,force-compression=true' : '';
  // Without store=false the docker driver refuses rewrite-timestamp.
  const output = `type=image,name=${image},push=true,oci-mediatypes=true,rewrite-timestamp=true,store=false${level}`;
  const argv = [
    'buildx',
    'build',
    '--progress',
    'plain',
    '--provenance=false',
    '--platform',
    platform,
    '--output',
    output,
  ];
  argv.push('--label', `versions=${JSON.stringify(versions)}`, '--build-arg', 'SOURCE_DATE_EPOCH=0', context);
  await run(docker, argv, { environment: work.state.environment, timeout: 900_000, signal: work.signal });
}

async function isThere(registry: string, name: string): Promise<boolean> {
  const [repository, tag] = name.split(':');
  const headers = { accept: 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' };
  const response = await fetch(`http://${registry}/v2/${repository}/manifests/${tag}`, {
    method: 'HEAD',
    headers,
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok && response.status !== 404)
    throw new Error(`the registry ${registry} answers ${response.status} for ${name}`);
  return response.ok;
}
