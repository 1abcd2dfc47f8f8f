import assert from 'node:assert/strict';
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event } from '../../cli/events.ts';
import { openBuiltImages } from '../../cli/registry/built-images.ts';

const digest = (number: number): string => `sha256:${number.toString(16).padStart(64, '0')}`;

describe('the list of images that this user built', () => {
  let root = '';
  const events: Event[] = [];
  const folder = (): string => join(root, 'state/bantam');
  const file = (): string => join(folder(), 'built-images');
  const open = () => openBuiltImages({ folder: folder(), report: (event) => void events.push(event) });
  beforeEach(async () => {
    events.length = 0;
    root = await mkdtemp(join(tmpdir(), 'bantam-built-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('is the user’s alone, holds each digest once and no other text', async () => {
    assert.equal(await open().has(digest(1)), false);
    await open().add([digest(1), digest(2), 'latest', digest(1)]);
    await open().add([digest(2)]);
    assert.deepEqual(
      [await open().has(digest(1)), await open().has(digest(3)), await open().has('latest')],
      [true, false, false],
    );
    assert.equal(await readFile(file(), 'utf8'), `${digest(1)}\n${digest(2)}\n`);
    assert.deepEqual([(await stat(file())).mode & 0o777, (await stat(folder())).mode & 0o777], [0o600, 0o700]);
    assert.deepEqual(events, []);
  });

  it('takes what several builds add at once', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, index) => open().add([digest(index), digest(index + 100)])));
    for (let index = 0; index < 40; index += 1) assert.ok(await open().has(digest(index + 100)));
  });

  it('is not believed where others may write, or through a link: a warning says so', async () => {
    await open().add([digest(1)]);
    for (const [path, mode] of [
      [file(), 0o620],
      [folder(), 0o777],
    ] as const) {
      const before = (await stat(path)).mode & 0o777;
      await chmod(path, mode);
      const images = open();
      assert.deepEqual([await images.has(digest(1)), await images.has(digest(1))], [false, false]);
      await chmod(path, before);
    }
    assert.deepEqual(
      events.map(({ type }) => type),
      ['warning', 'warning'],
    );
    await rm(file());
    await writeFile(join(root, 'elsewhere'), `${digest(7)}\n`, { mode: 0o600 });
    await symlink(join(root, 'elsewhere'), file());
    assert.equal(await open().has(digest(7)), false);
    // Nor is anything written there.
    await open().add([digest(8)]);
    assert.equal(await readFile(join(root, 'elsewhere'), 'utf8'), `${digest(7)}\n`);
    const hints = events.map((event) => (event.type === 'warning' ? event.hint : ''));
    assert.match(hints[0] ?? '', /^remove it and build again: rm /);
    assert.match(hints[1] ?? '', /^take that from them, and build again: chmod go-w /);
  });

  it('is cut to its newer half when it gets long', async () => {
    await mkdir(folder(), { recursive: true, mode: 0o700 });
    const many = Array.from({ length: 20_000 }, (_, index) => `${digest(index)}\n`).join('');
    await writeFile(file(), many, { mode: 0o600 });
    await open().add([digest(50_000)]);
    assert.deepEqual(
      [await open().has(digest(0)), await open().has(digest(19_999)), await open().has(digest(50_000))],
      [false, true, true],
    );
    assert.equal((await stat(file())).mode & 0o777, 0o600);
  });

  it('loses no more than the line that a full disk cut off', async () => {
    await open().add([digest(1)]);
    await appendFile(file(), 'sha256:00');
    await open().add([digest(2)]);
    assert.deepEqual([await open().has(digest(1)), await open().has(digest(2))], [true, true]);
  });

  it('that cannot be written is a warning and no failure', async () => {
    await appendFile(join(root, 'state'), 'a file where the folder should be');
    await open().add([digest(1)]);
    assert.match(JSON.stringify(events), /cannot be written/);
    assert.match(JSON.stringify(events), /--trust/);
  });
});
