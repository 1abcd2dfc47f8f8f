import assert from 'node:assert/strict';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import fc from 'fast-check';
import { reportHealth, reportReadiness } from '../../../templates/bantam-ts/runtime/health.ts';
import { chooseCallId, chooseStartTime, copyForeignHeaders } from '../../../templates/bantam-ts/runtime/identity.ts';
import { describeThrown } from '../../../templates/bantam-ts/runtime/log.ts';
import { Metrics } from '../../../templates/bantam-ts/runtime/metrics.ts';
import { Lines } from '../../../templates/bantam-ts/runtime/output.ts';
import { SecretTexts } from '../../../templates/bantam-ts/runtime/secret-texts.ts';
import { makeTemporaryFolder, removeTemporaryFolders } from '../build-context.ts';

describe('bantam-ts, health', () => {
  for (const [phase, uptime, full, health, ready] of [
    ['starting', 0.1, false, 503, 503],
    ['starting', 3.9, false, 503, 503],
    ['starting', 4, false, 200, 503],
    ['ready', 0.1, false, 200, 200],
    ['ready', 100, true, 200, 429],
    ['draining', 100, false, 200, 503],
    ['draining', 100, true, 200, 503],
  ] as const) {
    it(`${phase} for ${uptime} s${full ? ', full' : ''}: ${health}, ${ready}`, () => {
      assert.equal(reportHealth(phase, uptime).status, health);
      assert.equal(reportReadiness(phase, full).status, ready);
    });
  }
});

describe('bantam-ts, identity', () => {
  it('keeps a plain call id and makes another one in place of a strange one, each once', () => {
    assert.equal(chooseCallId({ 'x-call-id': 'caller-7' }), 'caller-7');
    for (const strange of ['', 'a b', 'ä', 'x'.repeat(129)]) {
      assert.notEqual(chooseCallId({ 'x-call-id': strange }), chooseCallId({ 'x-call-id': strange }));
      assert.match(chooseCallId({ 'x-call-id': strange }), /^[\x21-\x7e]{20,128}$/);
    }
  });

  it('says nanoseconds since 1970', () => {
    assert.equal(chooseStartTime({}, 1_795_380_000_123.456), '1795380000123456000');
    assert.equal(chooseStartTime({ 'x-start-time': '12' }, 0), '12');
    assert.equal(chooseStartTime({ 'x-start-time': 'now' }, 1), '1000000');
  });

  it('copies headers of any form, several cookies too, but none that are its own', () => {
    const headers = new Headers([
      ['X-Call-Id', 'theirs'],
      ['X-Duration-Seconds', '9'],
      ['X-Other', 'kept'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ]);
    const copied: OutgoingHttpHeaders = {};
    copyForeignHeaders(headers, copied);
    assert.deepEqual(copied, { 'x-other': 'kept', 'set-cookie': ['a=1', 'b=2'] });
    const plain: OutgoingHttpHeaders = {};
    copyForeignHeaders({ 'X-BANTAM-DEPLOY': 'theirs', 'X-Other': 'kept' }, plain);
    assert.deepEqual(plain, { 'X-Other': 'kept' });
  });
});

describe('bantam-ts, lines of the handler', () => {
  it('loses no byte, cuts no character in two and makes no line too long, however the bytes come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' })),
        fc.integer({ min: 4, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (texts, longest, step) => {
          const whole = Buffer.from(texts.join('\n').replaceAll('\r', ''));
          const lines = new Lines(longest);
          const found: string[] = [];
          for (let start = 0; start < whole.length; start += step) {
            found.push(...lines.add(whole.subarray(start, start + step)));
          }
          found.push(...lines.rest());
          for (const line of found) assert.ok(Buffer.byteLength(line) <= longest, JSON.stringify(line));
          assert.equal(found.join('').replaceAll('\n', ''), whole.toString().replaceAll('\n', ''));
        },
      ),
    );
  });

  it('keeps empty lines and leaves a line of just the longest length whole', () => {
    const lines = new Lines(4);
    assert.deepEqual(lines.add(Buffer.from('\n\nabcd\nabcdef\nx')), ['', '', 'abcd', 'abcd', 'ef']);
    assert.deepEqual(lines.rest(), ['x']);
  });
});

describe('bantam-ts, secrets in lines', () => {
  after(removeTemporaryFolders);

  it('are hidden, the longer of two first; short ones are not, they would be in every word', async () => {
    const folder = await makeTemporaryFolder();
    await mkdir(join(folder, '..data'));
    await writeFile(join(folder, 'token'), 'hunter2\n');
    await writeFile(join(folder, 'longer'), 'hunter2-and-more');
    await writeFile(join(folder, 'short'), 'abc');
    const { hide } = new SecretTexts(folder);
    assert.equal(hide('no hunter2, no hunter2-and-more, abc'), 'no ***, no ***, abc');
    assert.equal(new SecretTexts(join(folder, 'none')).hide('hunter2'), 'hunter2');
  });

  it('are hidden where they are shown as JSON, and when they have been exchanged', async () => {
    const folder = await makeTemporaryFolder();
    await writeFile(join(folder, 'key'), 'BEGIN "KEY"\nabc\n');
    const { hide } = new SecretTexts(folder);
    assert.equal(hide(JSON.stringify({ key: 'BEGIN "KEY"\nabc' })), '{"key":"***"}');
    await writeFile(join(folder, 'new'), 'exchanged');
    await utimes(folder, 1, 1); // the clock of a file system may be coarse
    assert.equal(hide('exchanged'), '***');
  });
});

describe('bantam-ts, what a handler throws', () => {
  const circle = new Error('one');
  circle.cause = new Error('two', { cause: circle });
  let long: unknown = 'the first';
  for (let links = 0; links < 20_000; links += 1) long = new Error('next', { cause: long });
  const hostile = Object.defineProperty(new Error('x'), 'stack', {
    get() {
      throw new Error('no stack');
    },
  });
  for (const [name, thrown, expected] of [
    [
      'an error and its cause',
      new Error('outer', { cause: 'inner' }),
      /^Error: outer[\s\S]*\ncaused by thrown: inner$/,
    ],
    ['causes in a circle', circle, /caused by Error: two/],
    ['twenty thousand causes', long, /^Error: next/],
    ['an error whose stack throws', hostile, /cannot be described/],
    ['something without a text', Object.assign(Object.create(null), { a: 1n }), /cannot be described/],
    ['nothing', undefined, /^thrown: undefined$/],
  ] as const) {
    it(`is described: ${name}`, () => {
      const text = describeThrown(thrown);
      assert.match(text, expected);
      assert.ok(text.length < 20_000, `${text.length} characters`);
    });
  }
});

describe('bantam-ts, metrics', () => {
  it('puts each duration into every bucket that is not below it', () => {
    const metrics = new Metrics();
    for (const seconds of [0.005, 0.006, 11]) metrics.count(200, 'GET', seconds);
    const text = metrics.render();
    assert.match(text, /^http_requests_total\{code="200",method="get"\} 3$/m);
    assert.match(text, /_bucket\{code="200",method="get",le="0\.005"\} 1$/m);
    assert.match(text, /_bucket\{code="200",method="get",le="0\.01"\} 2$/m);
    assert.match(text, /_bucket\{code="200",method="get",le="10"\} 2$/m);
    assert.match(text, /_bucket\{code="200",method="get",le="\+Inf"\} 3$/m);
    assert.match(text, /_sum\{code="200",method="get"\} 11\.011$/m);
  });
});
