import assert from 'node:assert/strict';
import fc from 'fast-check';
import { disarm, formatAnnotation } from '../../cli/ui/annotation.ts';
import { open } from './opened-reporter.ts';

const environment = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: '/work/project' };
const invalid = {
  code: 'BAN-E102',
  message: 'stack.yml is not valid: two problems',
  details: ['stack.yml:3:5  functions.hello: …', 'stack.yml:9:1  x'],
  places: [
    { file: '/work/project/deploy, all/stack.yml', line: 3, column: 5, message: '100 % wrong:\nreally' },
    { file: '/elsewhere/stack.yml', line: 9, message: 'x' },
  ],
} as const;

describe('on GitHub Actions', () => {
  it('each place of a failure is an annotation beside the human text, escaped as the runner wants it', async () => {
    const { reporter, stdout, stderr } = await open({ environment });
    reporter.fail(invalid);
    assert.equal(stdout(), '');
    assert.deepEqual(stderr().split('\n'), [
      'error  BAN-E102  stack.yml is not valid: two problems',
      '       stack.yml:3:5  functions.hello: …',
      '       stack.yml:9:1  x',
      '::error file=deploy%2C all/stack.yml,line=3,col=5,title=BAN-E102::100 %25 wrong:%0Areally',
      '::error file=/elsewhere/stack.yml,line=9,title=BAN-E102::x',
      '',
    ]);
  });

  it('a failure without a place, and each failed function of an answer, is one, too', async () => {
    const { reporter, stdout, stderr } = await open({ environment, quiet: true });
    reporter.fail({ code: 'BAN-E401', message: 'no answer', hint: 'look' });
    await reporter.answer(
      {
        document: {
          functions: [{ name: 'hello' }, { name: 'pi', failure: { code: 'BAN-E207', message: 'it does not compile' } }],
        },
        blocks: [{ kind: 'line', text: '✗ pi' }],
      },
      false,
    );
    assert.equal(stdout(), '✗ pi\n');
    assert.deepEqual(
      stderr()
        .split('\n')
        .filter((line) => line.startsWith('::')),
      ['::error title=BAN-E401::no answer%0Anext: look', '::error title=BAN-E207 pi::it does not compile'],
    );
  });

  it('what is wrong with many functions is one annotation', async () => {
    const { reporter, stderr } = await open({ environment, quiet: true });
    const failure = { code: 'BAN-E202', message: 'no engine' } as const;
    const functions = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, failure: { ...failure } }));
    await reporter.answer({ document: { functions }, blocks: [] }, false);
    assert.equal(stderr(), '::error title=BAN-E202 a%2C b%2C c and 2 more::no engine\n');
  });

  it('warnings are annotations; with --json stdout is the document alone', async () => {
    const { reporter, stdout, stderr } = await open({ environment, json: true });
    reporter.report({
      type: 'warning',
      text: 'stack.yml:2:1  a key',
      place: { file: '/work/project/stack.yml', line: 2, column: 1, message: 'a key' },
    });
    await reporter.answer({ document: {}, blocks: [] }, true);
    assert.equal((JSON.parse(stdout()) as { ok: boolean }).ok, true);
    assert.equal(stderr(), '::warning file=stack.yml,line=2,col=1,title=bantam::a key\n');
  });

  it('the output of builds that run side by side comes in a group for each, with -v', async () => {
    const { reporter, stderr } = await open({ environment, verbose: true });
    for (const [about, text] of [
      ['a', '#1 one\n'],
      ['b', '#1 another'],
      ['a', '::add-mask::1'],
    ] as const)
      reporter.report({ type: 'log', about, text, stream: 'stderr' });
    reporter.report({ type: 'ended', about: 'a' });
    await reporter.close();
    assert.equal(
      stderr(),
      '::group::a\n#1 one\n:\u200b:add-mask::1\n::endgroup::\n::group::b\n#1 another\n::endgroup::\n',
    );
  });

  it('what others wrote is never a command to the runner', async () => {
    const { reporter, stderr } = await open({ environment });
    reporter.fail({ code: 'BAN-E206', message: 'the build failed', details: ['::set-output name=x::1', '##[error]y'] });
    const commands = stderr()
      .split('\n')
      .filter((line) => isCommand(line));
    assert.deepEqual(commands, ['::error title=BAN-E206::the build failed']);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(':', '#', '[', ' ', '\n', 'a')), (parts) => {
        assert.ok(!disarm(parts.join('')).split('\n').some(isCommand));
      }),
    );
  });

  it('an annotation stays one line, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (title, message) => {
        const line = formatAnnotation({ level: 'error', title, message }, undefined);
        assert.match(line, /^::error title=[^:,\r\n]*::[^\r\n]*$/);
      }),
    );
  });

  it('an interruption is nothing to mark', async () => {
    const { reporter, stderr } = await open({ environment });
    reporter.fail({ code: 'BAN-INTERRUPTED', message: 'interrupted' });
    assert.equal(stderr(), 'interrupted\n');
  });
});

/** As the runner decides: github.com/actions/runner, ActionCommand. */
function isCommand(line: string): boolean {
  return line.trimStart().startsWith('::') || line.includes('##[');
}
