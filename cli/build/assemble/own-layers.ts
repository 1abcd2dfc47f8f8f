import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import type { Report } from '../../events.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import { makeFolder } from '../../tools/make-folder.ts';
import type { RunProgram } from '../builder.ts';
import type { BuildPlan } from '../plan.ts';
import type { BuildDescription } from '../recipe/description.ts';
import type { KeptPackages } from '../recipe/kept-packages.ts';
import { fillTree } from './function-tree.ts';
import { type PackedLayer, packLayer } from './pack-layer.ts';

/** The layer that a function adds to its base. */
export interface OwnLayer extends PackedLayer {
  /** Puts the compressed bytes at a path. */
  place(path: string): Promise<void>;
}

/** What is needed to make layers. `folder`: where they are kept between builds; `scratch`: of this build alone. */
export interface OwnLayerPorts {
  readonly folder: string;
  readonly packages: KeptPackages;
  readonly scratch: string;
  readonly run: RunProgram;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** Change it when a recipe makes other files of the same context. */
const recipeVersion = 1;

/** How long a layer that no build asks for is kept, in milliseconds: 14 days. */
const keepFor = 14 * 24 * 3600 * 1000;

const keptSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    digest: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)),
    diffId: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)),
    size: v.number(),
    warnings: v.array(v.string()),
  }),
);

/**
 * Makes the layers of a function, one for each platform, or one for all of them where the template bundles. What the same
 * context gave before is taken from the folder, unless the plan wants nothing from a cache. Announces the bundler's warnings.
 * Throws what the recipes throw.
 */
export async function makeOwnLayers(
  plan: BuildPlan,
  description: BuildDescription,
  ports: OwnLayerPorts,
): Promise<(platform: Platform) => OwnLayer> {
  const made = new Map<string, OwnLayer>();
  const tool = await describeTool(description, plan, ports);
  // The context is written to by the recipes: one platform after the other, and the Go compiler takes all cores by itself.
  for (const platform of plan.platforms) {
    const name = nameOf(platform, description);
    if (!made.has(name)) made.set(name, await makeLayer(plan, description, platform, `${tool} ${name}`, ports));
  }
  return (platform) => {
    const layer = made.get(nameOf(platform, description));
    if (layer === undefined) throw new Error(`no layer was made for ${formatPlatform(platform)}`);
    return layer;
  };
}

function nameOf(platform: Platform, { kind }: BuildDescription): string {
  return kind === 'bundle' ? 'all platforms' : formatPlatform(platform);
}

/** What else than the context decides what comes out. */
async function describeTool(
  { kind, tool, version }: BuildDescription,
  { context }: BuildPlan,
  { run, signal }: OwnLayerPorts,
): Promise<string> {
  if (kind === 'bundle') return `${recipeVersion} ${tool} ${version} node ${process.versions.modules}`;
  // Without Go the recipe says so.
  const asked = await run('go', ['version'], { cwd: context, signal, timeout: 30_000 });
  return `${recipeVersion} ${asked.exitCode === 0 ? asked.stdout.trim() : 'no go'}`;
}

async function makeLayer(
  plan: BuildPlan,
  description: BuildDescription,
  platform: Platform,
  variety: string,
  ports: OwnLayerPorts,
): Promise<OwnLayer> {
  const { folder, report, signal, scratch } = ports;
  const key = createHash('sha256')
    .update(JSON.stringify([plan.contextDigest, variety]))
    .digest('hex');
  const home = join(folder, key);
  // Whoever builds the same at the same time may replace what is kept: this build has a link of its own.
  const file = join(await mkdtemp(join(scratch, 'layer-')), 'layer');
  const kept = plan.fresh.cache ? undefined : await readKept(home, file);
  if (kept !== undefined) {
    for (const text of kept.warnings) report({ type: 'log', about: plan.name, text, stream: 'stderr' });
    report({ type: 'trace', about: plan.name, text: `its files for ${variety} are taken from ${home}` });
    return layerIn(file, kept);
  }
  const what = description.kind === 'bundle' ? 'bundling' : `compiling for ${formatPlatform(platform)}`;
  report({ type: 'progress', about: plan.name, text: what });
  const work = await mkdtemp(join(scratch, 'own-'));
  const tree = join(work, 'root');
  const packages = plan.fresh.cache ? undefined : ports.packages;
  const { warnings } = await fillTree(plan, description, platform, tree, { run: ports.run, signal, packages });
  for (const text of warnings) report({ type: 'log', about: plan.name, text, stream: 'stderr' });
  const packed = await packLayer(tree, file, signal);
  await rm(tree, { recursive: true, force: true });
  await keep({ file, work, home }, JSON.stringify({ ...packed, warnings }), plan.fresh.cache, report);
  return layerIn(file, packed);
}

function layerIn(file: string, { digest, diffId, size }: PackedLayer): OwnLayer {
  return {
    digest,
    diffId,
    size,
    async place(path) {
      // Whoever edits the layout edits what is kept, too: the next build notices and makes it anew.
      await linkOrCopy(file, path);
    },
  };
}

async function linkOrCopy(file: string, path: string): Promise<void> {
  await link(file, path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') await copyFile(file, path);
  });
}

/** A layer of an earlier build, linked to `file` and hashed anew there: a damaged one is removed and made again. */
async function readKept(home: string, file: string): Promise<v.InferOutput<typeof keptSchema> | undefined> {
  const text = await readFile(join(home, 'layer.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = v.safeParse(keptSchema, text);
  await linkOrCopy(join(home, 'layer'), file).catch(() => undefined);
  if (parsed.success && (await digestOf(file)) === parsed.output.digest) {
    const now = Date.now() / 1000;
    await utimes(home, now, now).catch(() => undefined);
    return parsed.output;
  }
  await rm(file, { force: true });
  await rm(home, { recursive: true, force: true }).catch(() => undefined);
  return undefined;
}

async function digestOf(file: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    const bytes: AsyncIterable<Uint8Array> = createReadStream(file);
    for await (const chunk of bytes) hash.update(chunk);
  } catch {
    return undefined;
  }
  return `sha256:${hash.digest('hex')}`;
}

/** Puts a finished layer, by way of the folder `work`, in its place for the next build, `anew` in the place of an older one. Where that cannot be, or another build was faster, this build alone has it. */
async function keep(
  { file, work, home }: { readonly file: string; readonly work: string; readonly home: string },
  facts: string,
  anew: boolean,
  report: Report,
): Promise<void> {
  try {
    await linkOrCopy(file, join(work, 'layer'));
    await writeFile(join(work, 'layer.json'), facts);
    await makeFolder(dirname(home), 0o700);
    await tidy(dirname(home));
    if (anew) await rm(home, { recursive: true, force: true });
    await rename(work, home);
  } catch (error) {
    report({ type: 'trace', text: `${home} is not kept: ${String(error)}` });
  }
}

async function tidy(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts !== undefined && Date.now() - facts.mtimeMs > keepFor) await rm(path, { recursive: true, force: true });
  }
}
