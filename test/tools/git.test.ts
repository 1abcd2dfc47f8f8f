import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { runProgram } from '../../cli/tools/exec.ts';
import { describeGitFailure, runGit } from '../../cli/tools/git.ts';

describe('git', () => {
  let folder = '';
  const { signal } = new AbortController();
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-git-'));
  });
  after(async () => await rm(folder, { recursive: true, force: true }));

  it('fails as a result, in English, with its reason in one line', async () => {
    const failed = await runGit(runProgram, ['rev-parse', '--show-toplevel'], { cwd: folder, signal });
    assert.equal(failed.exitCode, 128);
    assert.match(describeGitFailure(failed), /^not a git repository/);
  });

  it('knows the repository of its folder only, whatever a hook has set', async () => {
    await runGit(runProgram, ['init', '-q', '.'], { cwd: folder, signal });
    process.env['GIT_DIR'] = '/nowhere';
    try {
      const found = await runGit(runProgram, ['rev-parse', '--git-dir'], { cwd: folder, signal });
      assert.equal(found.stdout, '.git');
    } finally {
      delete process.env['GIT_DIR'];
    }
  });

  it('asks nobody: a repository that wants a login is refused at once', async () => {
    const asked = await runGit(runProgram, ['credential', 'fill'], {
      cwd: folder,
      signal,
      input: 'protocol=https\nhost=example.com\n\n',
      environment: { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
    });
    assert.notEqual(asked.exitCode, 0);
    assert.match(describeGitFailure(asked), /terminal prompts disabled/);
  });

  it('runs the ssh that the user has set, which asks a program that has no answer', async () => {
    const ssh = join(folder, 'my ssh');
    await writeFile(
      ssh,
      '#!/bin/sh\necho "$SSH_ASKPASS_REQUIRE asks $SSH_ASKPASS, $GIT_SSH_COMMAND" >&2\n"$SSH_ASKPASS" "password: " >&2 || echo "no answer" >&2\n[ -t 0 ] && echo terminal >&2\n(: < /dev/tty) 2>/dev/null && echo terminal >&2\nexit 255\n',
      { mode: 0o755 },
    );
    const call = async (environment: Readonly<Record<string, string>>) =>
      await runGit(runProgram, ['-c', `core.sshCommand='${ssh}'`, 'ls-remote', 'ssh://git@127.0.0.1/x'], {
        cwd: folder,
        signal,
        environment,
      });
    const asked = await call({});
    assert.deepEqual([asked.exitCode, asked.timedOut], [128, false]);
    assert.match(asked.stderr, /^force asks false, \nno answer\nfatal: /);
    assert.match((await call({ GIT_SSH_COMMAND: `'${ssh}' -v` })).stderr, /, '.*my ssh' -v\nno answer/);
  });

  it('runs no hook of the user’s', async () => {
    const hooks = await runGit(runProgram, ['config', 'core.hooksPath'], { cwd: folder, signal });
    assert.equal(hooks.stdout, '/dev/null');
  });

  it('says so when it is not installed, and names a folder that is not there', async () => {
    const path = process.env['PATH'];
    const call = async (cwd: string) =>
      await runGit(runProgram, ['status'], { cwd, signal, environment: { PATH: folder } });
    await assert.rejects(call(folder), (error) => error instanceof UserError && error.code === 'BAN-E212');
    await assert.rejects(call(join(folder, 'nowhere')), /ENOENT.*nowhere/);
    assert.equal(process.env['PATH'], path);
  });

  it('ends when it is interrupted', async () => {
    await assert.rejects(runGit(runProgram, ['status'], { cwd: folder, signal: AbortSignal.abort() }), Interrupted);
  });
});
