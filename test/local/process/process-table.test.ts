import assert from 'node:assert/strict';
import { explainEnd, explainStart } from '../../../cli/local/process/ending.ts';
import {
  familiesOf,
  measureMemory,
  type ProcessEntry,
  parseMemory,
  parseStat,
  readMarkedProcesses,
  readProcesses,
} from '../../../cli/local/process/process-table.ts';
import { skip } from '../../real-parts.ts';

describe('the table of processes', () => {
  it('reads a line of the system, whatever the program calls itself', () => {
    const rest = 'S 10 11 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 100 200';
    assert.deepEqual(parseStat(`42 (a) (b c) S 1) ${rest}`), {
      pid: 42,
      parent: 10,
      group: 11,
      session: 12,
      started: '4711',
    });
    assert.equal(parseStat(`42 (gone) ${rest.replace('S', 'Z')}`), undefined);
    assert.equal(parseStat(''), undefined);
  });

  it('finds a family: children, their children, and who stayed in the session', () => {
    const entry = (pid: number, parent: number, session: number): ProcessEntry => ({
      pid,
      parent,
      group: session,
      session,
      started: '1',
    });
    const processes = [
      entry(1, 0, 1),
      entry(10, 1, 10),
      entry(11, 10, 10),
      entry(12, 11, 12), // left the session
      entry(13, 12, 12),
      entry(14, 1, 10), // lost its parent
      entry(20, 1, 20),
      entry(21, 20, 20),
    ];
    const numbers = (leader: number) =>
      familiesOf(processes)(leader)
        .map(({ pid }) => pid)
        .sort();
    assert.deepEqual(numbers(10), [10, 11, 12, 13, 14]);
    assert.deepEqual(numbers(20), [20, 21]);
    assert.deepEqual(numbers(99), []);
  });

  it('counts the memory that is a process’s own, swapped out or not', () => {
    assert.equal(
      parseMemory('VmRSS:\t  900 kB\nRssAnon:\t  100 kB\nRssFile:\t  700 kB\nRssShmem:\t  20 kB\nVmSwap:\t  3 kB\n'),
      123 * 1024,
    );
    assert.equal(parseMemory('VmRSS:\t  900 kB\n'), 900 * 1024);
    assert.equal(parseMemory(''), 0);
  });

  it('has this process in it', async function () {
    if (process.platform !== 'linux') skip(this, 'only Linux has /proc');
    const own = (await readProcesses()).find(({ pid }) => pid === process.pid);
    assert.equal(own?.parent, process.ppid);
    assert.ok(measureMemory(process.pid) > 1 << 20);
    const marked = (await readMarkedProcesses('PATH')).find(({ pid }) => pid === process.pid);
    assert.equal(marked?.started, own?.started);
    assert.ok((marked?.environment?.get('PATH') ?? '').length > 0);
  });
});

describe('the end of a process', () => {
  const subject = 'hello-1';
  const endings: readonly [Parameters<typeof explainEnd>[0], string][] = [
    [{ subject, exitCode: 3, signal: null, lines: ['last word'] }, 'hello-1 exited (exit code 3)'],
    [{ subject, exitCode: 0, signal: null, lines: [] }, 'hello-1 exited (exit code 0) without a word'],
    [{ subject, exitCode: null, signal: 'SIGSEGV', lines: [] }, 'hello-1 was ended by SIGSEGV without a word'],
    [
      { subject, exitCode: null, signal: 'SIGKILL', outOfMemory: { held: 70 << 20, limit: 64 << 20 }, lines: ['x'] },
      'hello-1 was killed: out of memory (OOMKilled, exit code 137): it held 70 MiB and its limit is 64 MiB',
    ],
  ];
  for (const [ending, sentence] of endings)
    it(`is told: ${sentence}`, () => {
      const error = explainEnd(ending);
      assert.deepEqual([error.code, error.message, error.details], ['BAN-E611', sentence, ending.lines]);
    });

  it('before its beginning is told in words where the system only has a code', () => {
    const explained = explainStart(subject, '/function', Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' }));
    assert.match(
      String(explained),
      /hello-1 could not be started: \/function: the system has no more processes for you/,
    );
    const bug = new TypeError('a bug');
    assert.equal(explainStart(subject, '/function', bug), bug);
  });
});
