import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { hiddenTextsOf } from '../../cli/build/hidden-texts.ts';
import { BuildLog, readProgress } from '../../cli/build/progress.ts';
import { temporaryFolder } from '../e2e/program.ts';

/** Lines of stderr recorded from docker buildx 0.29 with --progress=rawjson (without its byte counters). */
const recorded = async (name: string): Promise<readonly string[]> =>
  (await readFile(new URL(`recorded/${name}.log`, import.meta.url), 'utf8')).split('\n');

const follow = (lines: readonly string[]) => {
  const log = new BuildLog();
  const events = lines.flatMap((line) => [...log.read(line)]);
  return { log, events };
};

const line = (step: string, stream: number, bytes: Uint8Array): string =>
  JSON.stringify({ logs: [{ vertex: step, stream, data: Buffer.from(bytes).toString('base64') }] });

describe('the progress of docker buildx', () => {
  it('announces each step once, and what the commands print', async () => {
    const { log, events } = follow(await recorded('runs'));
    const steps = events.flatMap((event) => (event.type === 'progress' ? [event.text] : []));
    assert.ok(steps.includes('[linux/arm/v7 2/3] RUN echo "für alle" && cat /a.txt'), steps.join('\n'));
    assert.deepEqual(steps, [...new Set(steps)]);
    assert.ok(!steps.some((text) => text.startsWith('[internal]')));
    const printed = events.flatMap((event) => (event.type === 'log' ? [event.text] : []));
    assert.equal(printed.filter((text) => text === 'für alle').length, 3);
    assert.deepEqual(log.failed(), []);
    assert.equal(log.plain, '');
  });

  it('keeps what failed, with its output, and what buildx says at the end', async () => {
    const { log } = follow(await recorded('fail'));
    const failed = log.failed();
    assert.ok(failed.length > 0);
    for (const { name, error, output } of failed) {
      assert.match(name, /RUN echo "Umlaut ü before"/);
      assert.match(error, /exit code: 3/);
      assert.match(output, /Umlaut ü before\n/);
      assert.match(output, /to-stderr\n/);
    }
    assert.match(log.plain, /^Dockerfile:3\n-+\n[\s\S]*>>> RUN[\s\S]*\nERROR: failed to build: /);
  });

  it('does not count what was only cancelled because another one failed', async () => {
    const { log } = follow(await recorded('nocopy'));
    assert.ok(log.failed().length > 0);
    for (const { error } of log.failed()) assert.doesNotMatch(error, /cancel/i);
  });

  it('takes a line that was cut off for no progress', async () => {
    for (const whole of (await recorded('fail')).filter((text) => text.startsWith('{')))
      for (const length of [1, 10, whole.length - 1]) assert.equal(readProgress(whole.slice(0, length)), undefined);
  });

  it('decodes output that is cut within a character, per step and stream', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 5 }), (text, size) => {
        const log = new BuildLog();
        const bytes = Buffer.from(`${text}\n`);
        for (let at = 0; at < bytes.length; at += size) {
          log.read(line('a', 1, bytes.subarray(at, at + size)));
          log.read(line('b', 2, bytes.subarray(at, at + size)));
        }
        log.read(JSON.stringify({ vertexes: ['a', 'b'].map((digest) => ({ digest, name: digest, error: 'bad' })) }));
        assert.deepEqual(
          log.failed().map(({ output }) => output),
          // A byte order mark at the very beginning is none of the text.
          [`${text}\n`, `${text}\n`].map((whole) => whole.replace(/^\uFEFF/, '')),
        );
      }),
    );
  });

  it('shows no value of a secret: in names of steps, output in pieces, errors, and what buildx says itself', async () => {
    await using folder = await temporaryFolder('bantam-hidden-');
    const file = join(folder.path, 'npmrc');
    await writeFile(file, '//registry.lan/:_authToken=t0ken-of-a-file\nsecond line of it\n');
    const hidden = await hiddenTextsOf(
      {
        buildArguments: {
          NPM_TOKEN: 'pa"ss w0rd',
          VERSION: '1.36',
          BASE: 'docker.io/library/busybox:1.36',
          MIRROR: 'https://me:fromAddress@mirror.lan/x',
          X: 'ghx1234567890abcdefghij',
          PIN: '12',
        },
        inheritedArguments: ['http_proxy', 'no_proxy'],
        secrets: [
          { id: 'npmrc', file },
          { id: 'gone', file: join(folder.path, 'gone') },
          { id: 'key', variable: 'KEY' },
        ],
      },
      { KEY: 'begin of key\nmiddle of key', http_proxy: 'http://u:proxyPassword@p:1' },
    );
    const values = [
      'pa"ss w0rd',
      'fromAddress',
      'ghx1234567890abcdefghij',
      't0ken-of-a-file',
      'second line of it',
      'begin of key',
      'middle of key',
      'proxyPassword',
    ];
    const log = new BuildLog(hidden);
    const events = [];
    const step = { digest: 'a', name: `[2/3] RUN use ${values.join(' ')} 1.36`, started: 'now' };
    events.push(...log.read(JSON.stringify({ vertexes: [step] })));
    const output = Buffer.from(`${values.join('\n')} 1.36\nbusybox:1.36 ${values.join(' ')}`);
    for (let at = 0; at < output.length; at += 5) events.push(...log.read(line('a', 1, output.subarray(at, at + 5))));
    const error = `process "/bin/sh -c ${JSON.stringify(values.join(' ')).slice(1, -1)}" did not complete: exit code: 3`;
    events.push(...log.read(JSON.stringify({ vertexes: [{ ...step, completed: 'now', error }] })));
    log.read(`  2 | >>> RUN use ${values.join(' ')}`);
    const shown = JSON.stringify([events, log.failed(), log.plain]);
    for (const value of values) assert.ok(!shown.includes(JSON.stringify(value).slice(1, -1)), `${value} in ${shown}`);
    for (const kept of ['busybox:1.36', '[2/3] RUN use', 'exit code: 3', '>>> RUN use'])
      assert.ok(shown.includes(kept), kept);
    // The last line has no end of its own; that of the step ends it.
    assert.ok(events.some((event) => event.type === 'log' && event.text.startsWith('busybox:1.36 …')));
  });

  it('keeps the end of long output only, and survives any line', () => {
    const log = new BuildLog();
    for (let count = 0; count < 40; count += 1) log.read(line('a', 1, Buffer.from(`${count} ${'x'.repeat(10_000)}\n`)));
    log.read(JSON.stringify({ vertexes: [{ digest: 'a', name: 'a', error: 'bad' }] }));
    const [failed] = log.failed();
    assert.ok(failed !== undefined && failed.output.length <= 64 * 1024 && failed.output.includes('39 x'));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((json) => `{"vertexes":${json}}`),
        ),
        (any) => {
          assert.ok(Array.isArray(new BuildLog().read(any)));
        },
      ),
    );
  });
});
