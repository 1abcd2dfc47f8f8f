import assert from 'node:assert/strict';
import fc from 'fast-check';
import { backOff } from '../../cli/local/page/browser/back-off.ts';
import { layOutChart, outcomeOf, summarise } from '../../cli/local/page/browser/chart.ts';
import { LineReader } from '../../cli/local/page/browser/json-lines.ts';
import {
  applyEvent,
  chooseLines,
  choosePage,
  countConditions,
  emptyModel,
  keptCalls,
  keptLines,
  type Model,
  openLog,
} from '../../cli/local/page/browser/model.ts';
import type { CallView, FunctionView, PageEvent } from '../../cli/local/page/messages.ts';

const hello = (run: string): PageEvent => ({
  type: 'hello',
  run,
  version: '1',
  dialect: 'faasd',
  user: 'admin',
  limits: [],
});
const call = (sequence: number, more: Partial<CallView> = {}): CallView => ({
  sequence,
  id: `id-${sequence}`,
  function: 'hello',
  method: 'GET',
  path: '/',
  status: 200,
  ending: 'answered',
  startedAt: 1_700_000_000_000 + sequence,
  milliseconds: 5,
  requestBytes: 0,
  answerBytes: 2,
  asynchronous: false,
  ...more,
});
const view = (name: string, more: Partial<FunctionView> = {}): FunctionView => ({
  name,
  image: `registry/${name}`,
  condition: 'ready',
  faults: [],
  replicas: 1,
  availableReplicas: 1,
  createdAt: '2026-01-02T03:04:05Z',
  replicaStates: [],
  ...more,
});
const calls = (...sequences: number[]): PageEvent => ({
  type: 'calls',
  calls: sequences.map((sequence) => call(sequence)),
  running: 0,
  skipped: 0,
});
const lines = (name: string, count: number, skipped = 0): PageEvent => ({
  type: 'logs',
  function: name,
  lines: Array.from({ length: count }, (_, index) => ({ instance: 'a', timestamp: '', text: `${index}` })),
  skipped,
});
const play = (model: Model, ...events: PageEvent[]): Model => events.reduce(applyEvent, model);

describe('what the page knows', () => {
  it('takes over functions, changes and removals', () => {
    const changed = (whole: boolean, names: string[], removed: string[] = []): PageEvent => ({
      type: 'functions',
      whole,
      changed: names.map((name) => view(name)),
      removed,
    });
    const model = play(emptyModel, hello('1'), changed(true, ['a', 'b']), changed(false, ['c'], ['a']));
    assert.deepEqual([...model.functions.keys()], ['b', 'c']);
    assert.equal(
      model.functions,
      play(model, calls(1), { type: 'alive' }).functions,
      'what did not change stays the same',
    );
    assert.deepEqual([...play(model, changed(true, [])).functions.keys()], []);
    assert.equal(emptyModel.loaded, false);
    assert.equal(model.loaded, true);
  });

  it('has each call once over several connections, and forgets those of an earlier gateway', () => {
    const model = play(emptyModel, hello('1'), calls(1, 3), hello('1'), calls(1, 3, 2));
    assert.deepEqual(
      model.calls.map(({ sequence }) => sequence),
      [1, 3, 2],
    );
    assert.equal(model.restarted, false);
    const after = play(model, hello('2'), calls(1));
    assert.deepEqual([after.restarted, after.calls.length], [true, 1]);
    const many = play(model, calls(...Array.from({ length: 500 }, (_, index) => index + 10)));
    assert.deepEqual([many.calls.length, many.calls.at(-1)?.sequence], [keptCalls, 509]);
  });

  it('keeps so many log lines of one function, numbers them, and counts the others', () => {
    const opened = openLog(emptyModel, 'hello');
    assert.equal(play(opened, lines('other', 3)), opened, 'lines of another function are not this one’s');
    const { log } = play(opened, lines('hello', 300), lines('hello', keptLines, 7));
    assert.deepEqual([log.lines.length, log.dropped], [keptLines, 307]);
    assert.deepEqual(
      log.lines.map(({ number }) => number),
      Array.from({ length: keptLines }, (_, index) => 307 + index),
    );
  });

  it('numbers lines without a gap in what is kept, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(400), fc.nat(50)), { maxLength: 12 }), (batches) => {
        let model = openLog(emptyModel, 'f');
        let came = 0;
        for (const [count, skipped] of batches) {
          model = play(model, lines('f', count, skipped));
          came += count + skipped;
          const numbers = model.log.lines.map(({ number }) => number);
          assert.ok(numbers.length <= keptLines);
          assert.equal(model.log.dropped + numbers.length, came);
          assert.ok(numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0)));
        }
      }),
    );
  });

  it('finds functions by words and condition, a page at a time', () => {
    const functions = Array.from({ length: 120 }, (_, index) =>
      view(`fn-${String(index).padStart(3, '0')}`, index === 7 ? { condition: 'failing', image: 'pi/Odd' } : {}),
    );
    const all = { words: '', condition: undefined, page: 0, size: 50 };
    assert.deepEqual(choosePage(functions, { ...all, page: 9 }).page, 2, 'a page that is gone is the last one');
    assert.equal(choosePage(functions, { ...all, page: 2 }).shown.length, 20);
    assert.deepEqual(
      choosePage(functions, { ...all, words: ' odd FN ' }).shown.map(({ name }) => name),
      ['fn-007'],
    );
    assert.equal(choosePage(functions, { ...all, condition: 'failing' }).found, 1);
    assert.deepEqual(choosePage([], all), { shown: [], found: 0, page: 0, pages: 1 });
    assert.deepEqual(
      [...countConditions(functions)],
      [
        ['ready', 119],
        ['failing', 1],
      ],
    );
  });

  it('finds lines by text and replica', () => {
    const { log } = play(openLog(emptyModel, 'f'), lines('f', 20));
    assert.deepEqual(
      chooseLines(log.lines, ' 7').map(({ text }) => text),
      ['7', '17'],
    );
    assert.equal(chooseLines(log.lines, ''), log.lines);
  });
});

describe('the chart of calls', () => {
  it('keeps every call inside and in order', () => {
    const durations = fc.array(fc.tuple(fc.nat(600_000), fc.double({ min: 0, max: 900_000, noNaN: true })), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(durations, (pairs) => {
        const some = pairs.map(([startedAt, milliseconds], index) => call(index, { startedAt, milliseconds }));
        const { marks, rows, from, to } = layOutChart(some, 400, 100);
        assert.ok(to - from >= 10_000);
        for (const { x, y } of marks) assert.ok(x >= 0 && x <= 400.001 && y >= 0 && y <= 100, `${x} ${y}`);
        const sorted = [...marks].sort((one, other) => one.call.milliseconds - other.call.milliseconds);
        for (const [index, { y }] of sorted.entries())
          assert.ok(index === 0 || y <= (sorted[index - 1]?.y ?? y) + 1e-9);
        assert.ok(rows.length >= 2);
      }),
    );
  });

  it('says how calls went', () => {
    assert.deepEqual(
      [call(1), call(2, { status: 404 }), call(3, { status: 503 }), call(4, { ending: 'function broke off' })].map(
        outcomeOf,
      ),
      ['answered', 'refused', 'failed', 'failed'],
    );
    assert.equal(outcomeOf({ status: 499, ending: 'client left' }), 'refused');
    assert.deepEqual(summarise([call(1), call(2, { milliseconds: 90 }), call(3, { status: 500, milliseconds: 1 })]), {
      median: 5,
      slowest: 90,
      outcomes: { answered: 2, refused: 0, failed: 1 },
    });
    assert.equal(summarise([]), undefined);
  });
});

describe('the connection of the page', () => {
  it('waits longer after each failure, and never too long', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6, 60].map((failures) => backOff(failures, 1)),
      [500, 1000, 2000, 4000, 8000, 10_000, 10_000],
    );
    assert.equal(backOff(1, 0), 375);
  });

  it('puts lines together however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1 }).map((text) => text.replaceAll('\n', ' '))),
        fc.nat(),
        (texts, seed) => {
          const whole = texts.map((text) => `${text}\n`).join('');
          const reader = new LineReader();
          const got: string[] = [];
          for (let at = 0, step = 1; at < whole.length; at += step, step = 1 + ((seed + at) % 7))
            got.push(...reader.push(whole.slice(at, at + step)));
          assert.deepEqual(got, texts);
        },
      ),
    );
  });
});
