import assert from 'node:assert/strict';
import { describeDeploy } from '../../cli/commands/describe-deploy.ts';
import { describeFailureOf, factLine } from '../../cli/commands/describe-outcome.ts';
import type { Event } from '../../cli/events.ts';
import { open } from './opened-reporter.ts';

/** Every kind of event once. */
const story: readonly Event[] = [
  { type: 'target', text: 'local at http://127.0.0.1:8585' },
  { type: 'note', text: 'a note', about: 'hello' },
  { type: 'wrote', text: 'template/a brought' },
  { type: 'warning', text: 'a warning', about: 'hello', hint: 'do this' },
  { type: 'trace', text: 'GET /' },
  { type: 'progress', about: 'hello', text: `reading sha256:${'0'.repeat(64)}` },
  { type: 'progress', about: 'hello', text: 'step 3/8', minor: true },
  { type: 'log', about: 'hello', text: 'a line\n', stream: 'stdout' },
  { type: 'output', bytes: new TextEncoder().encode('answer') },
  { type: 'ended', about: 'hello' },
];

async function tell(options: Parameters<typeof open>[0]): Promise<{ stdout: string; stderr: string }> {
  const { reporter, stdout, stderr } = await open(options);
  for (const event of story) reporter.report(event);
  await reporter.answer({ document: { name: 'hello' }, blocks: [{ kind: 'line', text: 'done' }] }, true);
  await reporter.close();
  await new Promise((resolve) => setImmediate(resolve));
  return { stdout: stdout(), stderr: stderr() };
}

describe('reporters, off a terminal', () => {
  it('tell the story on stderr and the answer on stdout', async () => {
    const { stdout, stderr } = await tell({});
    assert.equal(stdout, 'answerdone\n');
    assert.deepEqual(stderr.trimEnd().split('\n'), [
      '→ local at http://127.0.0.1:8585',
      'hello  a note',
      'template/a brought',
      'warning  hello  a warning',
      '         next: do this',
      'hello  reading sha256:000000000000…',
    ]);
  });

  it('leave all but warnings out with --quiet, and nothing with --verbose', async () => {
    assert.equal((await tell({ quiet: true })).stderr, 'warning  hello  a warning\n         next: do this\n');
    const { stderr } = await tell({ verbose: true });
    for (const text of ['GET /', 'hello  step 3/8', 'hello  a line']) assert.ok(stderr.includes(text), text);
  });

  it('give one document with --json, warnings and output in it, and tell what was written into the project', async () => {
    const { stdout, stderr } = await tell({ json: true });
    assert.equal(stderr, 'template/a brought\n');
    assert.equal((await tell({ json: true, quiet: true })).stderr, '');
    assert.deepEqual(JSON.parse(stdout), {
      ok: true,
      name: 'hello',
      output: 'answer',
      warnings: [{ text: 'a warning', about: 'hello', hint: 'do this' }],
    });
  });

  it('show a failure with its details and what to do next, a bug with where to look', async () => {
    const { reporter, stderr } = await open();
    reporter.fail({ code: 'BAN-E401', message: 'no answer', hint: 'look', details: ['line'] });
    assert.equal(stderr(), 'error  BAN-E401  no answer\n       line\n       next: look\n');
    const bug = await open();
    bug.reporter.fail({ code: 'BAN-BUG', message: 'oops', details: ['at x'] });
    assert.match(bug.stderr(), /this is a bug in bantam: oops\n +at x\n +node v.*report it/);
    const interrupted = await open();
    interrupted.reporter.fail({ code: 'BAN-INTERRUPTED', message: 'interrupted' });
    assert.equal(interrupted.stderr(), 'interrupted\n');
  });

  it('give the first hundred warnings with --json and the number of the others; later ones at once', async () => {
    const { reporter, stdout, stderr } = await open({ json: true });
    for (let turn = 1; turn <= 103; turn += 1) reporter.report({ type: 'warning', text: `warning ${turn}` });
    await reporter.answer({ document: {}, blocks: [] }, true);
    reporter.report({ type: 'warning', text: 'it died', about: 'hello', hint: 'look' });
    const { warnings, warningsLeftOut } = JSON.parse(stdout()) as { warnings: unknown[]; warningsLeftOut: number };
    assert.deepEqual([warnings.length, warnings.at(-1), warningsLeftOut], [100, { text: 'warning 100' }, 3]);
    assert.equal(stderr(), 'warning  hello  it died; next: look\n');
  });

  it('give entries of an answer without an end as they come, one line of JSON each, the document too', async () => {
    const { reporter, stdout } = await open({ json: true });
    reporter.report({ type: 'output', bytes: new Uint8Array(), entries: [] });
    reporter.report({ type: 'output', bytes: new TextEncoder().encode('one\n'), entries: [{ text: 'one' }] });
    assert.equal(stdout(), '{"text":"one"}\n');
    await reporter.answer({ document: { name: 'hello' }, blocks: [] }, true);
    assert.equal(stdout(), '{"text":"one"}\n{"ok":true,"name":"hello"}\n');
  });

  it('give no second document for what goes wrong after the answer', async () => {
    const { reporter, stdout, stderr } = await open({ json: true });
    await reporter.answer({ document: {}, blocks: [] }, true);
    reporter.fail({ code: 'BAN-INTERRUPTED', message: 'interrupted' });
    reporter.fail({ code: 'BAN-E202', message: 'the engine does not answer' });
    assert.deepEqual(JSON.parse(stdout()), { ok: true });
    assert.equal(stderr(), 'BAN-E202  the engine does not answer\n');
  });
});

describe('the lines of outcomes', () => {
  it('are apart by blanks on a terminal and by tabs in a pipe', async () => {
    const blocks = [factLine(['hello', 'built'], { width: 8 }), factLine(['linux/amd64  ', '5 MB'], { of: 'hello' })];
    for (const [terminal, expected] of [
      [true, 'hello      built\n    linux/amd64     5 MB\n'],
      [false, 'hello\tbuilt\nhello\tlinux/amd64\t5 MB\n'],
    ] as const) {
      const { reporter, stdout } = await open({ terminal });
      await reporter.answer({ document: {}, blocks }, true);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(stdout(), expected);
    }
  });

  it('name a failed function once', () => {
    assert.deepEqual(
      describeFailureOf('hello', { code: 'BAN-E207', message: 'hello: the handler does not compile', hint: 'mend it' }),
      [
        { kind: 'line', text: '✗ hello   the handler does not compile  (BAN-E207)' },
        { kind: 'line', text: '    next: mend it' },
      ],
    );
    assert.match(
      describeFailureOf('hello   linux/arm64', { code: 'BAN-E603', message: 'hello: ended' })
        .map((block) => (block.kind === 'line' ? block.text : ''))
        .join('\n'),
      /^✗ hello {3}linux\/arm64 {3}ended/,
    );
  });

  it('say once what is wrong with many functions', () => {
    const failure = { code: 'BAN-E202', message: 'the engine does not answer', hint: 'start it' } as const;
    const lines = describeDeploy([
      { name: 'a', failure },
      { name: 'b', failure: { code: 'BAN-E207', message: 'b: it does not compile' } },
      { name: 'c', failure },
    ]).map((block) => (block.kind === 'line' ? block.text : ''));
    assert.deepEqual(lines, [
      '✗ a, c   the engine does not answer  (BAN-E202)',
      '    next: start it',
      '✗ b   it does not compile  (BAN-E207)',
    ]);
  });

  it('show the log of a failed deployment once', () => {
    const line = { instance: 'hello-1', text: 'no database', timestamp: '' };
    const outcome = {
      name: 'hello',
      action: 'updated',
      verdict: 'not-ready',
      revision: 'r',
      deploy: 'd',
      url: 'u',
      replicas: { available: 0, wanted: 1 },
      counts: { answers: 0, otherAnswers: 0 },
      logLines: [line],
      failure: { code: 'BAN-E502', message: 'hello: late', details: ['hello-1 | no database'] },
    } as unknown as Parameters<typeof describeDeploy>[0][number];
    const text = describeDeploy([outcome])
      .map((block) => (block.kind === 'line' ? block.text : ''))
      .join('\n');
    assert.equal(text.split('no database').length, 2);
  });
});
