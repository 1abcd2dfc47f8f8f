import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ErrorCode, Interrupted, UserError } from '../../cli/errors.ts';
import { defaultPlatforms } from '../../cli/oci/platform.ts';
import { parseReference } from '../../cli/oci/reference.ts';
import { openLayout } from '../../cli/registry/layout.ts';
import { verifyImage } from '../../cli/registry/verify.ts';
import { elfMachines, makeElf, packLayer } from '../oci/image-parts.ts';
import { keepIndex, type Store, writeLayout } from './stored-image.ts';

const hasCode =
  (code: ErrorCode, message = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };

describe('an image layout folder', () => {
  let parent: string;
  let folder: string;
  let root: { mediaType: string; digest: string; size: number };
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'bantam läyout '));
    folder = join(parent, 'hello');
    const store: Store = { blobs: new Map() };
    const images = defaultPlatforms.map(async (platform) => ({
      platform,
      config: { Entrypoint: ['/fn'] },
      layers: [await packLayer([{ name: 'fn', content: makeElf(elfMachines[platform.architecture as 'amd64']) }])],
    }));
    root = keepIndex(store, await Promise.all(images));
    await writeLayout(folder, store, root, 'v1');
  });
  afterEach(() => rm(parent, { recursive: true }));

  it('is verified like a registry', async () => {
    const image = await verifyImage(await openLayout(folder), parseReference('hello:v1'), defaultPlatforms);
    assert.equal(image.digest, root.digest);
    assert.deepEqual(
      image.platforms.map(({ verdict }) => verdict),
      ['runs', 'runs', 'runs'],
    );
  });

  it('answers to a digest, to its tag, and with its only image to any', async () => {
    const layout = await openLayout(folder);
    for (const text of ['hello:v1', 'hello:v2', `hello@${root.digest}`]) {
      assert.deepEqual([text, (await layout.manifest(parseReference(text))).digest], [text, root.digest]);
    }
    const more = [
      { ...root, annotations: { 'org.opencontainers.image.ref.name': 'v1' } },
      { ...root, annotations: { 'io.containerd.image.name': 'docker.io/library/hello:v3' } },
    ];
    await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: more }));
    const several = await openLayout(folder);
    assert.equal((await several.manifest(parseReference('hello:v3'))).digest, root.digest);
    await assert.rejects(
      several.manifest(parseReference('hello:v2')),
      (error) =>
        hasCode('BAN-E303', /has no hello:v2/)(error) &&
        error instanceof UserError &&
        error.hint === 'it holds v1, docker.io/library/hello:v3',
    );
  });

  it('is not read beyond its border', async () => {
    const secret = join(parent, 'secret');
    await writeFile(secret, 'secret');
    const blob = join(folder, 'blobs', ...root.digest.split(':'));
    await unlink(blob);
    await symlink(secret, blob);
    const layout = await openLayout(folder);
    await assert.rejects(layout.manifest(parseReference('hello:v1')), hasCode('BAN-E306', /leads out of it/));
    await assert.rejects(layout.blob(parseReference('hello:v1'), root.digest), hasCode('BAN-E306', /leads out of it/));
    await assert.rejects(
      layout.blob(parseReference('hello:v1'), 'sha256:../../../secret'),
      hasCode('BAN-E306', /no digest/),
    );
  });

  it('says what is wrong with it', async () => {
    await assert.rejects(openLayout(join(parent, 'nowhere')), hasCode('BAN-E003'));
    await assert.rejects(openLayout(parent), hasCode('BAN-E303', /holds no file "oci-layout"/));
    const layout = await openLayout(folder);
    await assert.rejects(layout.blob(parseReference('x'), `sha256:${'0'.repeat(64)}`), hasCode('BAN-E303'));
    await writeFile(join(folder, 'blobs', ...root.digest.split(':')), '{}');
    await assert.rejects(
      layout.manifest(parseReference('hello:v1')),
      hasCode('BAN-E306', /is damaged: its bytes hash to/),
    );
    await writeFile(join(folder, 'index.json'), '{');
    await assert.rejects(openLayout(folder), hasCode('BAN-E306', /index.json of .* is no JSON/));
    await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"9"}');
    await assert.rejects(openLayout(folder), hasCode('BAN-E306', /oci-layout/));
  });

  it('stops with the signal', async () => {
    const stop = new AbortController();
    const layout = await openLayout(folder);
    const stream = await layout.blob(parseReference('x'), root.digest, stop.signal);
    stop.abort();
    await assert.rejects(new Response(stream).text(), Interrupted);
  });
});
