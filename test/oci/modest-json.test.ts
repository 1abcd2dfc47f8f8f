import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeManifest } from '../../cli/oci/manifest.ts';
import { parseModestJson } from '../../cli/oci/modest-json.ts';

const roomy = { values: 10_000, depth: 1000 };

describe('JSON of others', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.json().map((text) => text.slice(1)),
        ),
        (text) => {
          let expected: unknown;
          try {
            expected = JSON.parse(text);
          } catch {
            assert.throws(() => parseModestJson(text, roomy), SyntaxError);
            return;
          }
          assert.deepEqual(parseModestJson(text, roomy), expected);
        },
      ),
    );
  });

  it('counts values and depth outside of texts only', () => {
    const bounds = { values: 4, depth: 2 };
    for (const text of ['[1,2,3]', '["[[[[,,,,,\\\\","\\"[[[[,,,"]', '{"{{{":[]}'])
      assert.deepEqual(parseModestJson(text, bounds), JSON.parse(text));
    for (const text of ['[1,2,3,4,5]', '[[[1]]]', '["\\\\",1,2,3,4]', '[{},{},{}]'])
      assert.throws(() => parseModestJson(text, bounds), /levels deep|more than 4 values/, text);
  });

  it('of four mebibytes of nothing is refused before it takes gigabytes', () => {
    for (const unit of ['{},', '[', '1,', '{"":']) {
      const document = Buffer.from(`{"schemaVersion":2,"layers":[${unit.repeat((4 << 20) / unit.length)}`);
      assert.throws(() => decodeManifest(document, '', 'manifest'), { code: 'BAN-E306' });
    }
  });
});
