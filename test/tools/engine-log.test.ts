import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readLogLines } from '../../cli/tools/engine-log.ts';

const time = '2026-11-22T17:54:22.414200441Z';

function frame(stream: 1 | 2, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

async function read(chunks: readonly Buffer[]): Promise<unknown[]> {
  const lines: unknown[] = [];
  const source = (async function* () {
    yield* chunks;
  })();
  for await (const line of readLogLines(source)) lines.push(line);
  return lines;
}

describe("an engine's log stream", () => {
  it('gives the same lines however the bytes are cut', async () => {
    const line = fc.record({
      stream: fc.constantFrom(1 as const, 2 as const),
      text: fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat({ max: 50 })), async (lines, cuts) => {
        let rest = Buffer.concat(lines.map(({ stream, text }) => frame(stream, Buffer.from(`${time} ${text}\n`))));
        const chunks: Buffer[] = [];
        for (const cut of cuts) {
          chunks.push(rest.subarray(0, cut));
          rest = rest.subarray(cut);
        }
        const expected = lines.map(({ stream, text }) => ({
          stream: stream === 2 ? 'stderr' : 'stdout',
          timestamp: time,
          text,
        }));
        assert.deepEqual(await read([...chunks, rest]), expected);
      }),
    );
  });
  it('joins a line that came in several messages, also in the middle of a character', async () => {
    const bytes = Buffer.from('grüße');
    const parts = [
      frame(1, Buffer.concat([Buffer.from(`${time} `), bytes.subarray(0, 3)])),
      frame(2, Buffer.from(`${time} other\n`)),
      frame(1, Buffer.concat([Buffer.from('later '), bytes.subarray(3), Buffer.from('\n')])),
    ];
    assert.deepEqual(await read(parts), [
      { stream: 'stderr', timestamp: time, text: 'other' },
      { stream: 'stdout', timestamp: time, text: 'grüße' },
    ]);
  });
  it('gives a last line without its newline', async () => {
    assert.deepEqual(await read([frame(1, Buffer.from(`${time} end`))]), [
      { stream: 'stdout', timestamp: time, text: 'end' },
    ]);
  });
});
