import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostNode } from '../../../cli/local/process/host.ts';
import { ImageBringer } from '../../../cli/local/process/image-bringer.ts';
import { ImageStore } from '../../../cli/local/process/image-store.ts';
import { nodeOf } from '../../../cli/oci/node.ts';
import { RegistryInMemory } from './image-in-memory.ts';
import { nodeImage } from './started-provider.ts';

const never = new AbortController().signal;

describe('bringing an image for a process', () => {
  let folder: string;
  let registry: RegistryInMemory;
  let asked: number;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-bringer-'));
    registry = new RegistryInMemory();
    asked = 0;
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = async (
    reason: string | undefined,
    node = hostNode(),
    built: readonly string[] | undefined = undefined,
  ) =>
    new ImageBringer({
      registry,
      store: await ImageStore.open(folder),
      builtImages: { has: async (digest) => built?.includes(digest) ?? true },
      trust: false,
      node,
      whyNoNamespace: async () => {
        asked += 1;
        return reason;
      },
    });

  it('says why an image of others cannot run here, and does not ask for its layers', async () => {
    const { image } = await registry.add('foreign:1', { ...nodeImage('1'), labels: {} });
    const bringer = await open('unshare: Operation not permitted');
    // Asked again each time: what is in the way may go away.
    for (const _ of [1, 2])
      await assert.rejects(bringer.bring(image, never), {
        code: 'BAN-E612',
        message: `${image} is not of bantam's templates and needs a root folder of its own: unshare: Operation not permitted`,
        hint: 'run it in a container: bantam local up --provider docker',
      });
    assert.equal(asked, 2);
    assert.equal(
      registry.asked.filter((each) => each.startsWith('blob')).length,
      1,
      'more than the configuration was read',
    );
  });

  it('unpacks all layers of an image of others, and what engines give to containers', async () => {
    const { image, layers } = await registry.add('foreign:1', { ...nodeImage('1'), labels: {} });
    const brought = await (await open(undefined)).bring(image, never);
    assert.deepEqual(
      layers.map((layer) => registry.asked.includes(`blob ${layer}`)),
      [true, true],
    );
    assert.match(brought.root, /-all\/root$/);
  });

  it('asks no namespace for bantam’s own, and no registry for a digest that it knows', async () => {
    const { image, index, manifest } = await registry.add('node:1', nodeImage('1'));
    const bringer = await open('no', hostNode(), [manifest]);
    const first = await bringer.bring(image, never);
    const before = registry.asked.length;
    const second = await bringer.bring(image, never);
    assert.deepEqual([asked, registry.asked.length, second.root], [0, before, first.root]);
    assert.deepEqual(second.path, [index, manifest]);
  });

  it('asks for a tag each time', async () => {
    await registry.add('node:1', nodeImage('1'));
    const bringer = await open(undefined);
    const { config } = await bringer.bring('registry.lan/node:1', never);
    await registry.add('node:1', nodeImage('2'));
    const { config: other } = await bringer.bring('registry.lan/node:1', never);
    assert.deepEqual(
      [config, other].map((each) => each.config.Env.at(-1)),
      ['VERSION=1', 'VERSION=2'],
    );
  });

  it('on another system says what it needs', async () => {
    const { image } = await registry.add('node:1', nodeImage('1'));
    const bringer = await open(undefined, nodeOf({ os: 'darwin', architecture: 'arm64' }));
    await assert.rejects(bringer.bring(image, never), (error) => {
      assert.ok(error instanceof Error && 'code' in error && 'hint' in error);
      assert.equal(error.code, 'BAN-E505');
      assert.match(error.message, /has linux\/\w+ only, and this machine is darwin\/arm64$/);
      assert.match(String(error.hint), /images of functions are for Linux: .*--provider docker.*bantam fn test/);
      return true;
    });
  });
});
