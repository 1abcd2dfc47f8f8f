import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bantam, temporaryFolder } from './program.ts';

describe('on GitHub Actions, the built program', () => {
  const stack = `version: 1.0
provider:
  name: openfaas
functions:
  hello:
    lang: bantam-ts
    handler: ./hello
    image: registry.lan:5000/hello:1
    limits:
      memory: lots, 100%
`;

  it('marks each problem of a stack file at its place, from the root of the repository', async () => {
    await using folder = await temporaryFolder();
    const project = join(folder.path, 'cluster');
    await mkdir(project);
    await writeFile(join(project, 'stack.yml'), stack);
    const environment = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: folder.path };
    for (const argv of [
      ['fn', 'build', '--print'],
      ['fn', 'build', '--print', '--json'],
    ]) {
      const { exitCode, stdout, stderr } = await bantam(argv, { folder: project, environment });
      assert.equal(exitCode, 2);
      assert.match(
        stderr,
        /^::error file=cluster\/stack\.yml,line=10,col=15,title=BAN-E102::functions\.hello\.limits\.memory: .*100%25/m,
      );
      if (!argv.includes('--json')) assert.equal(stdout, '');
      else {
        const { error } = JSON.parse(stdout) as { error: { places: { file: string; line: number }[] } };
        assert.deepEqual(
          error.places.map(({ file, line }) => [file, line]),
          [[join(project, 'stack.yml'), 10]],
        );
      }
    }
  });

  it('elsewhere it marks nothing', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'stack.yml'), stack);
    const { stderr } = await bantam(['fn', 'build', '--print'], {
      folder: folder.path,
      environment: { GITHUB_ACTIONS: undefined },
    });
    assert.match(stderr, /^error {2}BAN-E102 /);
    assert.doesNotMatch(stderr, /^::/m);
  });
});
