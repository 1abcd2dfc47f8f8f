import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { type RunImageOptions, type RunningImage, runImage } from '../../cli/local/docker/run-image.ts';
import { instanceLabel } from '../../cli/local/replicas/names.ts';
import type { ContainerEngine } from '../../cli/tools/container-engine.ts';
import { openEngine } from '../../cli/tools/engine.ts';
import { needParts } from '../real-parts.ts';
import { askEngine, buildImage, type ImageWish, pushImage, removeImages } from './test-image.ts';

describe('running one image', function () {
  this.timeout(120_000);
  let engine: ContainerEngine;
  let registry: string | undefined;
  const forever = new AbortController().signal;

  before(async function () {
    const bed = await needParts(this, 'engine', 'registry');
    registry = bed.registry ?? '';
    engine = await openEngine({ environment: process.env, home: homedir() });
  });

  after(async () => {
    if (registry !== undefined) await removeImages(`${registry}/run/`);
  });

  const push = async (name: string, wish: Partial<ImageWish> = {}): Promise<string> =>
    pushImage(registry ?? '', `run/${name}`, await buildImage({ platforms: ['linux/amd64'], ...wish }));
  const use = async (
    options: Omit<RunImageOptions, 'engine'>,
    work: (running: RunningImage) => Promise<void>,
  ): Promise<void> => {
    const running = await runImage({ engine, graceSeconds: 2, ...options }, forever);
    try {
      await work(running);
    } finally {
      await running.close();
    }
  };
  /** Runs what must fail, and looks that no container of this image is left. */
  const failure = async (options: Omit<RunImageOptions, 'engine'>): Promise<UserError> => {
    const error = await runImage({ engine, graceSeconds: 1, ...options }, forever).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof UserError, String(error));
    assert.deepEqual(await containersOf(options.image), []);
    return error;
  };
  const containersOf = async (image: string): Promise<unknown> => {
    const filters = encodeURIComponent(JSON.stringify({ ancestor: [image], label: [instanceLabel] }));
    return askEngine('GET', `/containers/json?all=1&filters=${filters}`).catch((error: unknown) => {
      // The engine answers 404 when it never had the image.
      if (String(error).includes('404')) return [];
      throw error;
    });
  };

  it('gives its address, its logs and its exit code after a drain, and leaves nothing', async () => {
    const image = await push('plain:1', { environment: { VERSION: '7' } });
    await use({ image, environment: { A: 'b' } }, async (running) => {
      assert.match(running.url, /^http:\/\/127\.0\.0\.1:\d+$/);
      assert.equal(running.platform, 'linux/amd64');
      assert.match(await (await fetch(running.url)).text(), /"version":"7"/);
      assert.equal(await running.stop(), 0);
      const lines: string[] = [];
      for await (const line of running.logs({})) lines.push(line.text);
      assert.deepEqual(lines, ['starting 7', 'draining']);
    });
    assert.deepEqual(await containersOf(image), []);
  });

  for (const [platform, arch, part] of [
    ['linux/arm64', 'arm64', 'emulation-arm64'],
    ['linux/arm/v7', 'arm', 'emulation-arm'],
  ] as const) {
    it(`runs the ${platform} image of an index under emulation`, async function () {
      await needParts(this, 'engine', 'registry', part);
      await use(
        { image: await push('many:1', { platforms: ['linux/amd64', 'linux/arm64', 'linux/arm/v7'] }), platform },
        async (running) => {
          assert.equal(running.platform, platform);
          assert.ok((await (await fetch(running.url)).text()).includes(`"arch":"${arch}"`));
        },
      );
    });
  }

  it('says which platform an image lacks, and which cannot be run here', async () => {
    const image = await push('risc:1', { platforms: ['linux/amd64', 'linux/riscv64'] });
    assert.equal((await failure({ image, platform: 'linux/arm64' })).code, 'BAN-E505');
    const error = await failure({ image, platform: 'linux/riscv64' });
    assert.equal(error.code, 'BAN-E602');
    assert.match(error.message, /is for linux\/riscv64 and this engine \(linux\/amd64\) cannot run it/);
  });

  it('explains what crashes, hangs, lacks its program, or is not there', async () => {
    const crash = await failure({ image: await push('crash:1', { environment: { MODE: 'crash' } }) });
    assert.match(crash.message, /exited \(exit code 3\)/);
    // Two pipes: which line the engine reads first is not said.
    assert.deepEqual([...crash.details].sort(), ['starting ', 'there is no such thing as a start']);
    const deaf = await failure({ image: await push('deaf:1', { environment: { MODE: 'deaf' } }), startBound: 500 });
    assert.equal(deaf.code, 'BAN-E603');
    assert.match(deaf.message, /was not healthy within 0\.5 s: GET \/_\/health on port 8080: ./);
    assert.match((await failure({ image: await push('entry:1', { entrypoint: ['/nope'] }) })).message, /\/nope/);
    assert.equal((await failure({ image: `${registry}/run/plain:missing` })).code, 'BAN-E303');
    assert.equal((await failure({ image: '127.0.0.1:1/none:1' })).code, 'BAN-E301');
    assert.equal((await failure({ image: 'No Image' })).code, 'BAN-E305');
    assert.match(
      (await failure({ image: await push('plain:1'), limits: { memory: '1Mi' } })).message,
      /[Mm]inimum memory limit/,
    );
  });

  it('stops waiting when the user leaves, and leaves nothing', async () => {
    const image = await push('deaf:1', { environment: { MODE: 'deaf' } });
    const leave = new AbortController();
    const running = runImage({ engine, image }, leave.signal);
    const containers = async (): Promise<number> => JSON.stringify(await containersOf(image)).length;
    while ((await containers()) <= 2) await new Promise((resolve) => setTimeout(resolve, 20));
    leave.abort();
    await assert.rejects(running, Interrupted);
    assert.deepEqual(await containersOf(image), []);
  });
});
