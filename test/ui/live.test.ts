import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatJob } from '../../cli/ui/live.ts';

describe('a live line', () => {
  it('says what is done, and for how long once that is worth a word', () => {
    assert.equal(formatJob('hello', 'pushing', 0.4, 79), 'hello  pushing');
    assert.equal(formatJob('hello', 'pushing', 12.7, 79), 'hello  pushing  12 s');
  });

  it('gives way in the middle when the terminal is narrow', () => {
    assert.equal(formatJob('hello', 'building for linux/amd64', 61, 24), 'hello  building f…  61 s');
  });

  it('is one line of at most the terminal’s width, whatever a build says', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.nat(100_000),
        fc.integer({ min: 1, max: 200 }),
        (name, text, seconds, width) => {
          const line = formatJob(name.replace(/\p{Cc}/gu, ''), text, seconds, width);
          assert.ok(line.length <= width);
          assert.doesNotMatch(line, /\p{Cc}/u);
        },
      ),
    );
  });
});
