import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readDockerfile } from '../../cli/build/dockerfile.ts';
import { buildxEnvironment } from '../../cli/build/plan.ts';
import { parsePlatform } from '../../cli/oci/platform.ts';
import { openLayout } from '../../cli/registry/layout.ts';
import { verifyImage } from '../../cli/registry/verify.ts';
import { needParts, skip } from '../real-parts.ts';
import {
  bundle,
  compile,
  hasGo,
  makeContext,
  makeTemporaryFolder,
  removeTemporaryFolders,
  run,
} from '../templates/build-context.ts';
import { describeTree } from '../templates/describe-tree.ts';
import { type RecipeFunction, recipeFunctions, registryFunction } from './recipe-functions.ts';
import { buildWithRecipe } from './recipe-source.ts';

const noGo = 'no Go compiler on PATH';

describe("the recipe makes the same tree as the template's script", function () {
  this.timeout(240_000);
  after(removeTemporaryFolders);

  for (const { name, template, files } of recipeFunctions) {
    // The bundle is the same for all; what Go is told differs.
    for (const platform of template === 'bantam-ts'
      ? ['linux/amd64']
      : ['linux/amd64', 'linux/arm64', 'linux/arm/v7']) {
      it(`${template}, ${name}, ${platform}`, async function () {
        if (template === 'bantam-go' && !hasGo) skip(this, noGo);
        const context = await makeContext(template, files);
        const script = template === 'bantam-ts' ? await bundle(context) : await compile(context, platform);
        assert.equal(script.code, 0, script.output);
        const own = await makeContext(template, files, join(await makeTemporaryFolder('ünother place '), 'deep'));
        const umask = process.umask(0o077);
        const root = await buildWithRecipe(own, platform).finally(() => process.umask(umask));
        assert.deepEqual(await describeTree(root), await describeTree(script.root));
      });
    }
  }
});

describe('the recipe makes the same tree, several platforms at once, as docker buildx puts into the image', function () {
  this.timeout(600_000);
  let environment: Record<string, string> = {};
  before(async function () {
    environment = (await needParts(this, 'engine', 'buildx', 'bases')).environment;
  });
  after(removeTemporaryFolders);

  for (const { name, template, files } of [...recipeFunctions, registryFunction]) {
    it(`${template}, ${name}`, async function () {
      if (template === 'bantam-go' && !hasGo) skip(this, noGo);
      const platforms = ['linux/amd64', 'linux/arm64', 'linux/arm/v7'];
      const images = await buildImages({ name, template, ...(files === undefined ? {} : { files }) }, platforms);
      assert.equal(images.length, platforms.length);
      if (template === 'bantam-go') await requireSameGo(this, join(images[0] ?? '', 'function'));
      const context = await makeContext(template, files);
      // The recipe brings the packages of the runtime itself, as the Dockerfile does.
      await rm(join(context, 'node_modules'), { force: true });
      const built =
        template === 'bantam-go'
          ? await Promise.all(platforms.map((platform) => buildWithRecipe(context, platform)))
          : Array<string>(platforms.length).fill(await buildWithRecipe(context, 'linux/amd64'));
      for (const [position, platform] of platforms.entries()) {
        const [, ...tree] = await describeTree(built[position] ?? '');
        const [, ...image] = await describeTree(images[position] ?? '');
        assert.deepEqual(tree, image, platform);
      }
    });
  }

  /** Builds the image, and unpacks for each platform what its last stage added to the base. */
  async function buildImages({ template, files }: RecipeFunction, platforms: readonly string[]): Promise<string[]> {
    const context = await makeContext(template, files);
    await rm(join(context, 'node_modules'), { force: true });
    const dockerfile = await readFile(join(context, 'Dockerfile'), 'utf8');
    const layout = join(await makeTemporaryFolder(), 'layout');
    const contexts = (environment['BANTAM_BUILD_CONTEXTS'] ?? '').split(' ').filter((pair) => pair !== '');
    const built = await run(
      'docker',
      [
        ...['buildx', 'build', '--platform', platforms.join(','), '--provenance=false', '--progress=plain'],
        ...['--output', `type=oci,"dest=${layout}",tar=false,oci-mediatypes=true,rewrite-timestamp=true`],
        ...contexts.flatMap((pair) => ['--build-context', pair]),
        ...['--', context],
      ],
      { cwd: context, env: { ...environment, ...buildxEnvironment } },
    );
    assert.equal(built.code, 0, built.output);
    const index: { manifests: { digest: string }[] } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
    const digest = index.manifests[0]?.digest ?? '';
    const image = await verifyImage(
      await openLayout(layout),
      { registry: '127.0.0.1:1', repository: 'hello', digest },
      platforms.map(parsePlatform),
      { ownHistoryEntries: readDockerfile(dockerfile).ownHistoryEntries },
    );
    const roots: string[] = [];
    for (const { size } of image.platforms) {
      const root = join(await makeTemporaryFolder(), 'root');
      await mkdir(root);
      const own = size.layers.filter((layer) => layer.own !== false);
      assert.ok(own.length > 0);
      for (const layer of own) {
        const blob = join(layout, 'blobs', layer.digest.replace(':', '/'));
        const unpacked = await run('tar', ['-xpf', blob, '-C', root], { cwd: root });
        assert.equal(unpacked.code, 0, unpacked.output);
      }
      assert.ok((await readdir(root)).length > 0);
      roots.push(root);
    }
    return roots;
  }
});

/** Another Go makes other bytes. */
async function requireSameGo(context: Mocha.Context, binary: string): Promise<void> {
  const there = (await run('go', ['version', binary], { cwd: '/' })).output.trim().split(' ').at(-1);
  const here = (await run('go', ['env', 'GOVERSION'], { cwd: '/' })).output.trim();
  if (there !== here) skip(context, `the image is compiled with ${there}, this machine has ${here}`);
}
