import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { extract } from 'tar-stream';
import { needParts, skip } from '../real-parts.ts';
import { hasGo } from '../templates/build-context.ts';
import { makeProject } from './build-project.ts';

interface Config {
  readonly architecture: string;
  readonly variant?: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly object[];
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** One platform of an image layout: its settings, the layers of its base, and every file that the own layers add. */
interface Unpacked {
  readonly platform: string;
  readonly settings: unknown;
  readonly history: number;
  readonly base: readonly string[];
  readonly files: Readonly<Record<string, unknown>>;
}

/** Reads a layout with nothing of bantam's own. */
async function unpack(layout: string): Promise<readonly Unpacked[]> {
  const blob = (digest: string): Promise<Buffer> => readFile(join(layout, 'blobs', ...digest.split(':')));
  const json = async (digest: string): Promise<unknown> => JSON.parse((await blob(digest)).toString());
  const top = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: [{ digest: string }] };
  const index = (await json(top.manifests[0].digest)) as { manifests: { digest: string; platform: object }[] };
  return await Promise.all(
    index.manifests.map(async ({ digest, platform }) => {
      const manifest = (await json(digest)) as {
        config: { digest: string };
        layers: { digest: string; size: number }[];
      };
      const { config, history, rootfs, architecture, variant } = (await json(manifest.config.digest)) as Config;
      // Docker's builder says ArgsEscaped of everything; it means something for Windows only.
      const { ArgsEscaped: _, ...settings } = config;
      const large = manifest.layers.filter(({ size }) => size > 10_000_000);
      const files: Record<string, unknown> = {};
      for (const layer of manifest.layers.filter((each) => !large.includes(each)))
        Object.assign(files, await filesOf(await blob(layer.digest)));
      return {
        platform: JSON.stringify(platform),
        settings: { ...settings, architecture, variant },
        history: history.length,
        base: [...large.map((layer) => layer.digest), rootfs.diff_ids[0] ?? ''].slice(0, large.length * 2),
        files,
      };
    }),
  );
}

async function filesOf(layer: Buffer): Promise<Record<string, unknown>> {
  const files: Record<string, unknown> = {};
  const tar = extract();
  tar.end(gunzipSync(layer));
  for await (const entry of tar) {
    const hash = createHash('sha256');
    for await (const chunk of entry) hash.update(chunk as Uint8Array);
    const { name, mode, uid, gid, uname, gname, mtime, type, size } = entry.header;
    files[name] = { mode, uid, gid, uname, gname, mtime, type, size, sha256: hash.digest('hex') };
  }
  return files;
}

describe('an image without Docker', function () {
  this.timeout(300_000);

  it('has the files, settings and platforms of the one that docker buildx makes, and starts on a Pi', async function () {
    if (!hasGo) skip(this, 'no Go compiler on PATH');
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases', 'emulation-arm64');
    await using project = await makeProject(bed.registry ?? '', ['hello']);
    for (const [name, language] of [
      ['greet', 'ts'],
      ['ping', 'go'],
    ] as const)
      assert.equal(
        (await project.run(['fn', 'new', name, '--lang', language, '--prefix', project.prefix])).exitCode,
        0,
      );
    await project.write({
      'greet/data/words.json': '{"hello":"world"}',
      'greet/handler.ts':
        "import { readFileSync } from 'node:fs';\nexport default () => new Response(readFileSync(__dirname + '/data/words.json'));\n",
      'ping/static/page.html': 'a page',
    });
    const build = async (...options: readonly string[]) => {
      // Go's cache is the machine's own: compiling its library anew says nothing of bantam.
      const { stdout: cache } = await execa('go', ['env', 'GOCACHE', 'GOMODCACHE']);
      const [GOCACHE, GOMODCACHE] = cache.split('\n');
      const run = await project.run(['fn', 'build', 'greet', 'ping', ...options], {
        environment: { GOCACHE, GOMODCACHE },
      });
      assert.equal(run.exitCode, 0, run.stdout + run.stderr);
      return run;
    };
    await build('--builder', 'buildx', '--output', 'docker');
    await build('--builder', 'assemble', '--output', 'own');
    for (const name of ['greet', 'ping']) {
      const docker = await unpack(join(project.folder, 'docker', name));
      const own = await unpack(join(project.folder, 'own', name));
      assert.deepEqual(own, docker, name);
      assert.equal(own.length, 3);
      const files = Object.keys(own[0]?.files ?? {});
      assert.ok(
        files.some((file) => /words\.json|page\.html/.test(file)),
        files.join(' '),
      );
    }
    const pushed = await build('--builder', 'assemble', '--push');
    assert.doesNotMatch(pushed.stderr, /bundling|compiling/, 'kept from the build before');
    const image = `${project.prefix}/ping:latest`;
    const argv = ['run', '--detach', '--rm', '--platform', 'linux/arm64', '--publish', '127.0.0.1::8080', image];
    const { stdout: container } = await execa('docker', argv, { env: bed.environment });
    try {
      const { stdout: address } = await execa('docker', ['port', container, '8080'], { env: bed.environment });
      assert.deepEqual(await answerOf(`http://${address.split('\n')[0]}/`), { message: 'Hello, world!' });
    } finally {
      await execa('docker', ['rm', '--force', container], { env: bed.environment });
      await execa('docker', ['image', 'rm', '--force', image], { env: bed.environment, reject: false });
    }
  });
});

/** Emulated programs take a moment to open their port. */
async function answerOf(address: string): Promise<unknown> {
  for (const until = Date.now() + 60_000; ; ) {
    try {
      const response = await fetch(address, { signal: AbortSignal.timeout(10_000) });
      if (response.ok) return await response.json();
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
