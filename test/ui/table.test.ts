import assert from 'node:assert/strict';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { fitColumns, formatTable } from '../../cli/ui/table.ts';

const table = {
  columns: ['function', 'state'],
  rows: [
    ['hello', 'deployed'],
    ['ping-pong', 'not\tdeployed\nyet'],
  ],
};

describe('a table', () => {
  it('has a header and straight columns on a terminal', async () => {
    const rows = [table.rows[0] ?? [], ['ping-pong', 'not deployed']];
    assert.equal(
      await formatTable({ ...table, rows }, true),
      ['FUNCTION    STATE', 'hello       deployed', 'ping-pong   not deployed'].join('\n'),
    );
  });

  it('is tab-separated in a pipe, one line a row', async () => {
    assert.equal(await formatTable(table, false), 'hello\tdeployed\nping-pong\tnot deployed yet');
  });

  it('of nothing is nothing in a pipe', async () => {
    assert.equal(await formatTable({ columns: ['a'], rows: [] }, false), '');
  });

  it('leaves out a column in which nothing stands, on a terminal only', async () => {
    const schedules = { columns: ['name', 'schedule', 'image'], rows: [['a', '', 'b']] };
    assert.equal(await formatTable(schedules, true), 'NAME   IMAGE\na      b');
    assert.equal(await formatTable(schedules, false), 'a\t\tb');
  });

  it('keeps its columns straight with wide characters', async () => {
    const rows = [
      ['温度計', 'läuft', 'x'],
      ['🥧🥧', 'e\u0301', 'x'],
      ['hello', 'deployed', 'x'],
    ];
    const lines = (await formatTable({ columns: ['name', 'state', 'x'], rows }, true)).split('\n');
    assert.deepEqual(new Set(lines.map((line) => stringWidth(line))), new Set([stringWidth('hello    deployed   x')]));
  });

  it('wraps its widest column on a narrow terminal and loses nothing', async () => {
    const image = 'registry.lan:5000/team/a-very-long-name-of-a-function:1.0.0@sha256:0123456789ab';
    const drawn = await formatTable({ columns: ['function', 'image'], rows: [['hello', image]] }, true, 40);
    const lines = drawn.split('\n');
    assert.ok(
      lines.every((line) => line.length <= 40),
      drawn,
    );
    assert.equal(
      lines
        .slice(1)
        .map((line) => line.slice(11))
        .join(''),
      image,
    );
  });

  it('breaks a text between words', async () => {
    const row = ['hello', 'this text is too long for such a narrow terminal'];
    assert.equal(
      await formatTable({ columns: ['name', 'why'], rows: [row], wrapLast: true }, true, 36),
      ['NAME    WHY', 'hello   this text is too long for', '        such a narrow terminal'].join('\n'),
    );
  });

  it('breaks words only where it must, and keeps what they are indented by', async () => {
    const rows = [['  hello', 'deployed, not in the stack file', 'registry.lan:5000/hello:1']];
    assert.equal(
      await formatTable({ columns: [], rows }, true, 40),
      ['  hello   deployed, not   registry.lan:5', '          in the stack    000/hello:1', '          file'].join(
        '\n',
      ),
    );
  });

  it('lets no cell move the cursor or begin a new row', async () => {
    const rows = [['a\u001b[2Jb', 'c\r\nd\te']];
    assert.equal(await formatTable({ columns: [], rows }, false), 'a [2Jb\tc  d e');
    assert.equal(await formatTable({ columns: [], rows }, true), 'a [2Jb   c  d e');
  });

  it('fits whatever can fit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 20, max: 200 }),
        fc.boolean(),
        (natural, width, textLast) => {
          const widths = fitColumns(natural, width, textLast);
          const total = widths.reduce((sum, each) => sum + each, 0) + 3 * (widths.length - 1);
          const wished = natural.reduce((sum, each) => sum + each, 0) + 3 * (natural.length - 1);
          assert.ok(
            widths.every((each, index) => each <= (natural[index] ?? 0) && each >= Math.min(8, natural[index] ?? 0)),
          );
          if (wished <= width) assert.deepEqual(widths, natural);
          else assert.ok(total <= width || widths.every((each, index) => each === Math.min(8, natural[index] ?? 0)));
        },
      ),
    );
  });
});
