import assert from 'node:assert/strict';
import { UsageError } from '../usage-error.ts';
import { readRuntimeOptions } from './bench.ts';
import { readImageCommand } from './image-command.ts';
import { parseWrkSummary } from './load.ts';
import { parseCores } from './machine.ts';
import { parseStat } from './process-tree.ts';

describe('what the runtime bench reads', () => {
  it('reads its options', () => {
    const all = readRuntimeOptions([], '/usr/bin/node');
    assert.equal(all.node, '/usr/bin/node');
    assert.equal(all.effort.rounds, 3);
    assert.equal(all.only.length, 7);
    const some = readRuntimeOptions(['--quick', '--only', 'bare-go', '--only', 'bantam-go', '--rounds', '5'], '');
    assert.deepEqual(some.only, ['bantam-go', 'bare-go']);
    assert.equal(some.effort.rounds, 5);
    assert.ok(some.quick && some.effort.slices < all.effort.slices);
  });

  it('refuses options that make no sense', () => {
    for (const argv of [
      ['--rounds', '0'],
      ['--rounds', 'many'],
      ['--rounds', '21'],
      ['--only', 'go'],
      ['--fast'],
      ['x'],
    ])
      assert.throws(() => readRuntimeOptions(argv, ''), UsageError, argv.join(' '));
  });

  it("reads the line that is added to wrk's output", () => {
    const line =
      'summary {"requests":10,"duration":2000000,"p50":5,"p99":9,"connect":0,"read":1,"write":0,"status":2,"timeout":0}';
    assert.equal(parseWrkSummary(`Running 2s test\n\n${line}\n`).status, 2);
    assert.throws(() => parseWrkSummary('unable to connect'), /gave no summary: unable to connect/);
  });

  it('reads lists of cores', () => {
    assert.deepEqual(parseCores('0-2,5\n'), [0, 1, 2, 5]);
    assert.throws(() => parseCores('all'), /no list/);
  });

  it('reads a process whose name has spaces and parentheses', () => {
    const fields = ['S', '7', ...Array.from({ length: 9 }, () => '0'), '150', '50', '30', '20', '0'];
    assert.deepEqual(parseStat(`42 (a) b (c) ${fields.join(' ')}`), { pid: 42, parent: 7, processor: 2, reaped: 0.5 });
  });

  it('reads what the last stage of a Dockerfile starts', () => {
    const file = [
      'FROM a AS build',
      'ENV NODE_ENV=test',
      'ENTRYPOINT ["build"]',
      'FROM b',
      'ENV PATH=/bin',
      'ENV NODE_ENV=production',
      'ENTRYPOINT ["node", "/app/function.mjs"]',
      'CMD []',
    ].join('\n');
    assert.deepEqual(readImageCommand(file), {
      command: ['node', '/app/function.mjs'],
      environment: { NODE_ENV: 'production' },
    });
    assert.throws(() => readImageCommand('FROM a\nENTRYPOINT node'), /no ENTRYPOINT in JSON form/);
  });
});
