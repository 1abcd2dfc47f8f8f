import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageStore } from '../../cli/build/builder.ts';
import { openBuildx } from '../../cli/build/buildx.ts';
import type { BuildPlan } from '../../cli/build/plan.ts';
import type { Event } from '../../cli/events.ts';
import type { ProgramOptions, ProgramResult } from '../../cli/tools/exec.ts';
import { examplePlan } from './example-plan.ts';

const done: ProgramResult = { exitCode: 0, stdout: '', stderr: '', missing: false, timedOut: false };
const unused = (): never => assert.fail('a loaded image is not read back');
const images: ImageStore = { prepareLayout: unused, complete: unused, verify: unused, push: unused };

describe('a local cache', () => {
  let root = '';
  let cache = '';
  const events: Event[] = [];
  beforeEach(async () => {
    events.length = 0;
    root = await mkdtemp(join(tmpdir(), 'bantam-test-cache-'));
    cache = join(root, 'caches/hello');
    await mkdir(cache, { recursive: true });
    await writeFile(join(cache, 'index.json'), 'the first');
  });
  afterEach(async () => await rm(root, { recursive: true, force: true }));

  const folderOf = (argv: readonly string[], option: string, field: string): string =>
    new RegExp(`${field}=([^,"]+)`).exec(argv[argv.indexOf(option) + 1] ?? '')?.[1] ?? '';

  /** A builder whose docker reads the cache for as long as `during` takes, and writes one that holds `text` (undefined: none). */
  async function build(text: string | undefined, during: (readable: string) => Promise<void> = async () => undefined) {
    const run = async (_file: string, argv: readonly string[], _options?: ProgramOptions): Promise<ProgramResult> => {
      await during(folderOf(argv, '--cache-from', 'src'));
      const folder = folderOf(argv, '--cache-to', 'dest');
      if (text !== undefined) {
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, 'index.json'), text);
      }
      await writeFile(
        argv[argv.indexOf('--metadata-file') + 1] ?? '',
        JSON.stringify({ 'containerimage.digest': 'sha256:ab' }),
      );
      return done;
    };
    const plan: BuildPlan = examplePlan({
      output: { kind: 'load' },
      caches: { from: [], to: [], local: { folder: cache, working: root } },
    });
    const builder = openBuildx({ run, images, seconds: () => 0, scratch: join(root, 'scratch'), environment: {} });
    const { signal } = new AbortController();
    return await builder.build(plan, { report: (event) => void events.push(event), signal });
  }
  const warnings = (): readonly string[] => events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));

  it('is read and replaced by many builds at once: each succeeds, one of the new ones is there, nothing beside it', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, async (_, number) => await build(`number ${number}`)),
    );
    for (const outcome of outcomes) assert.ok('digest' in outcome, JSON.stringify(outcome));
    assert.match(await readFile(join(cache, 'index.json'), 'utf8'), /^number \d+$/);
    assert.deepEqual(await readdir(join(root, 'caches')), ['hello']);
    assert.deepEqual(warnings(), []);
  });

  it('stays whole for a build that is reading it while another replaces it', async () => {
    let seen = '';
    const outcome = await build('the second', async (readable) => {
      await build('of another build');
      assert.equal(await readFile(join(cache, 'index.json'), 'utf8'), 'of another build');
      seen = await readFile(join(readable, 'index.json'), 'utf8');
    });
    assert.ok('digest' in outcome, JSON.stringify(outcome));
    assert.equal(seen, 'the first');
    assert.equal(await readFile(join(cache, 'index.json'), 'utf8'), 'the second');
  });

  it('that was not written is a warning, and the one from before stays: the image is good', async () => {
    const outcome = await build(undefined);
    assert.ok('digest' in outcome, JSON.stringify(outcome));
    assert.match(warnings().join(), /^the cache was not written: ENOENT/);
    assert.equal(await readFile(join(cache, 'index.json'), 'utf8'), 'the first');
    assert.deepEqual(await readdir(join(root, 'caches')), ['hello']);
  });
});
