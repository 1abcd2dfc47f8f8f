import assert from 'node:assert/strict';
import fc from 'fast-check';
import { layOutJson, readBody, readHeaders } from '../../cli/local/page/browser/answer-text.ts';
import { addressOf, readRoute } from '../../cli/local/page/browser/route.ts';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatMemory,
  formatTime,
  visible,
  visibleLine,
} from '../../cli/local/page/browser/words.ts';

describe('the words of the page', () => {
  it('shows what cannot be seen, and leaves scripts and emoji alone', () => {
    assert.equal(visible('a\u202Egnp.exe'), 'a⟨U+202E⟩gnp.exe');
    assert.equal(visible('two\nlines\u0000\u200B'), 'two⟨U+000A⟩lines⟨U+0000⟩⟨U+200B⟩');
    assert.equal(visible('two\n\tlines\r', { lines: true }), 'two\n\tlines⟨U+000D⟩');
    assert.equal(visible('half \uD83D'), 'half ⟨U+D83D⟩');
    for (const text of ['größe', '函数', 'تابع', 'می‌خواهم', '👩‍👩‍👧', '🇩🇪', 'e\u0301'])
      assert.equal(visible(text), text);
  });

  it('never lets a text turn the direction or end the line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(visible(text), /[\p{Cc}\p{Zl}\p{Zp}\u200E\u200F\u202A-\u202E\u2066-\u2069]/u);
        assert.ok(visible(visible(text)) === visible(text));
      }),
    );
  });

  it('leaves the colours of a terminal out of log lines, and shows other controls', () => {
    assert.equal(visibleLine('\x1b[1;31mERROR\x1b[0m\tno\x1b[2K'), 'ERROR    no');
    assert.equal(visibleLine('\x1b]0;title\x07'), '⟨U+001B⟩]0;title⟨U+0007⟩');
  });

  it('writes sizes, times and counts', () => {
    assert.deepEqual([0, 999, 1000, 1234, 999_950, 123_456_789].map(formatBytes), [
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 kB',
      '1.0 MB',
      '123 MB',
    ]);
    assert.deepEqual([34 << 20, 512 << 10, 1023.6 * 1024].map(formatMemory), ['34.0 MiB', '512 KiB', '1.0 MiB']);
    assert.deepEqual([0.01, 0.4, 12.4, 999.6, 3210, 59_970, 125_000, 7_260_000, 400_000_000].map(formatDuration), [
      '<0.1 ms',
      '0.4 ms',
      '12 ms',
      '1.0 s',
      '3.2 s',
      '1 min 0 s',
      '2 min 5 s',
      '2 h 1 min',
      '5 days',
    ]);
    assert.deepEqual([0, 42_000, 61_000, 7_200_000, 400_000_000].map(formatAge), [
      'now',
      '42 s',
      '1 min',
      '2 h',
      '4 days',
    ]);
    assert.deepEqual([0, 999, 1000, 1_234_567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
    assert.match(formatTime('2026-01-02T03:04:05.678901234Z', true), /^\d\d:\d\d:05\.678$/);
    assert.equal(formatTime('yesterday\u202E'), 'yesterday⟨U+202E⟩');
  });

  it('reads an address back as it was written', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (name) => {
        assert.deepEqual(readRoute(addressOf({ kind: 'function', name })), { kind: 'function', name });
      }),
    );
    for (const hash of ['', '#', '#/', '#/functions/', '#/functions/%zz', '#/functions/a/b', '#main'])
      assert.deepEqual(readRoute(hash), { kind: 'overview' });
  });
});

describe('an answer on the page', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

  it('lays JSON out, and leaves it alone where that would change it', () => {
    assert.deepEqual(readBody(bytes('{"a":[1,"\\u202e"]}'), true), {
      kind: 'json',
      text: '{\n  "a": [\n    1,\n    "⟨U+202E⟩"\n  ]\n}',
    });
    for (const text of ['{"id":12345678901234567890}', '{"a":1,"a":2}', '{"price":1.0}', '{"half":', 'null', '"text"'])
      assert.equal(layOutJson(text), undefined, text);
    assert.deepEqual(readBody(bytes('{"id":12345678901234567890}'), true).kind, 'text');
    assert.deepEqual(readBody(bytes('[1, 2'), false), { kind: 'text', text: '[1, 2' });
  });

  it('lays out what JSON.stringify wrote, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), (value) => {
        const text = JSON.stringify(value);
        const out = layOutJson(text);
        if (out !== undefined) assert.equal(JSON.stringify(JSON.parse(out)), text);
      }),
    );
  });

  it('shows bytes as bytes, and a text that was cut in the middle of a character as text', () => {
    assert.deepEqual(readBody(new Uint8Array([0, 255, 65]), true), {
      kind: 'bytes',
      text: '0000  00 ff 41                                         ..A',
    });
    assert.deepEqual(readBody(bytes('grö').subarray(0, 3), false), { kind: 'text', text: 'gr' });
    assert.equal(readBody(bytes('grö').subarray(0, 3), true).kind, 'bytes');
    assert.deepEqual(readBody(new Uint8Array(), true), { kind: 'empty', text: '' });
    assert.equal(readBody(bytes('a\r\nb\u0007'), true).text, 'a\nb⟨U+0007⟩');
  });

  it('reads headers of a form', () => {
    assert.deepEqual(readHeaders('A: b:c\n\n  X-Long :  spaced out \n'), [
      ['A', 'b:c'],
      ['X-Long', 'spaced out'],
    ]);
    assert.throws(() => readHeaders('A: b\nnonsense'), /“nonsense” has no colon/);
    assert.throws(() => readHeaders(': b'), /no colon/);
  });
});
