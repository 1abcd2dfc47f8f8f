import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeDescription, readDescription } from '../../cli/build/recipe/description.ts';
import { UserError } from '../../cli/errors.ts';
import { makeTemporaryFolder, removeTemporaryFolders, templates } from '../templates/build-context.ts';

const path = '/project/template/mine/build.json';

function refusalOf(text: string): UserError {
  try {
    decodeDescription(text, path);
  } catch (thrown) {
    assert.ok(thrown instanceof UserError, String(thrown));
    assert.equal(thrown.code, 'BAN-E112');
    assert.equal(thrown.message, `${path} is not a valid build description`);
    return thrown;
  }
  return assert.fail('it was accepted');
}

describe('the build description', () => {
  after(removeTemporaryFolders);

  it('of our templates is read, modes as numbers', async () => {
    const bundling = await readDescription(join(templates, 'bantam-ts'));
    assert.equal(bundling.kind, 'bundle');
    assert.deepEqual(bundling.files[0], { path: 'app/function.mjs', mode: 0o644, directory: false });
    const compiling = await readDescription(join(templates, 'bantam-go'));
    assert.equal(compiling.kind, 'compile');
    assert.deepEqual(compiling.files, [
      { path: 'function', mode: 0o755, directory: false },
      { path: 'home/app/static', mode: 0o755, directory: true },
      { path: 'tmp', mode: 0o1777, directory: true },
    ]);
  });

  it('that is missing, no JSON, no map or of an unknown kind is refused with its path', async () => {
    const folder = await makeTemporaryFolder();
    await assert.rejects(readDescription(folder), {
      code: 'BAN-E112',
      message: `${join(folder, 'build.json')} cannot be read: there is none`,
    });
    assert.match(
      refusalOf('{"schema": 1,}').details.join(),
      /^\/project\/template\/mine\/build\.json: is no JSON: .*JSON/,
    );
    for (const text of ['[]', '1', '{}', '{"kind":"link"}'])
      assert.match(refusalOf(text).details.join(), /must be a map whose kind is "bundle" or "compile"$/, text);
  });

  it('with several mistakes names all of them', async () => {
    const text = await readFile(join(templates, 'bantam-go/build.json'), 'utf8');
    const changed = {
      ...(JSON.parse(text) as Record<string, unknown>),
      schema: 2,
      tool: 'gcc',
      output: '../function',
      flags: '-trimpath',
      files: [{ path: '/etc/passwd', mode: 'rwx' }],
      explanations: [{ pattern: '(', message: '' }],
    };
    assert.deepEqual(
      refusalOf(JSON.stringify(changed)).details.map((line) => line.replace(`${path}: `, '')),
      [
        'schema: must be 1, is 2: this bantam does not know it',
        'output: must be a path inside the folder, is "../function"',
        'files.0.path: must be a path inside the folder, is "/etc/passwd"',
        'files.0.mode: must be an octal mode, as chmod takes it',
        'tool: must be go',
        'flags: must be a list',
        'explanations.0.pattern: must be a regular expression',
      ],
    );
  });

  it('of what lies beside a bundle names its mistakes, too', async () => {
    const text = await readFile(join(templates, 'bantam-ts/build.json'), 'utf8');
    const changed = {
      ...(JSON.parse(text) as Record<string, unknown>),
      platforms: 'linux/amd64',
      beside: { into: '/home', pattern: '(', resolve: 1, leftOut: 'node_modules', leftOutOfFunction: [] },
    };
    assert.deepEqual(
      refusalOf(JSON.stringify(changed))
        .details.map((line) => line.replace(`${path}: `, ''))
        .filter((line) => /^(platforms|beside\.(into|pattern|resolve|leftOut)):/.test(line)),
      [
        'platforms: must be a list',
        'beside.into: must be a path inside the folder, is "/home"',
        'beside.pattern: must be a regular expression',
        'beside.resolve: must be text',
        'beside.leftOut: must be a list',
      ],
    );
  });
});
