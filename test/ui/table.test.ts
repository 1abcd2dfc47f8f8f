import assert from 'node:assert/strict';
import { formatTable } from '../../cli/ui/table.ts';

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
});
