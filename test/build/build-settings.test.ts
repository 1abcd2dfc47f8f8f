import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { addPackages, readBuildArguments, readLabels } from '../../cli/build/build-arguments.ts';
import { readBuildSecret, requireBuildSecrets, secretArgument } from '../../cli/build/build-secrets.ts';
import { UserError } from '../../cli/errors.ts';

const coded =
  (code: string, words: RegExp, hint = /./) =>
  (error: unknown): true => {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    assert.match(error.hint ?? '', hint);
    return true;
  };

describe('build arguments', () => {
  it('are written as NAME=VALUE, or by the name of a variable as docker takes them', () => {
    assert.deepEqual(readBuildArguments(['A=1', 'B=x=y', 'C=', 'D', 'E', 'A=2'], { D: 'of the environment' }), {
      A: '2',
      B: 'x=y',
      C: '',
      D: 'of the environment',
    });
    assert.deepEqual(readBuildArguments(['ADDITIONAL_PACKAGE=a b', 'ADDITIONAL_PACKAGE=c'], {}), {
      ADDITIONAL_PACKAGE: 'a b c',
    });
    assert.throws(() => readBuildArguments(['=1'], {}), coded('BAN-E001', /no build argument/));
  });

  it('get the packages of build options, as faas-cli puts them together', () => {
    const template = {
      name: 'python3',
      buildOptions: [
        { name: 'dev', packages: ['make', 'gcc'] },
        { name: 'debug', packages: ['gdb', 'gcc'] },
      ],
    };
    assert.deepEqual(addPackages({ A: '1' }, [], template), { A: '1', ADDITIONAL_PACKAGE: '' });
    assert.deepEqual(addPackages({}, ['dev', 'debug'], template), { ADDITIONAL_PACKAGE: 'gcc gdb make' });
    assert.deepEqual(addPackages({ ADDITIONAL_PACKAGE: ' curl  make' }, ['dev'], template), {
      ADDITIONAL_PACKAGE: 'curl gcc make',
    });
    assert.throws(
      () => addPackages({}, ['dv'], template),
      coded('BAN-E213', /python3 has no build option "dv"/, /did you mean dev\?/),
    );
    assert.throws(() => addPackages({}, ['xxxxx'], template), coded('BAN-E213', /xxxxx/, /it has dev, debug/));
    assert.throws(() => addPackages({}, ['x'], { name: 'bantam-go' }), coded('BAN-E213', /bantam-go/, /has none/));
  });

  it('and labels are one word of the command line each', () => {
    assert.deepEqual(readLabels(['a=b c', 'x.y/z=']), { a: 'b c', 'x.y/z': '' });
    assert.throws(() => readLabels(['nothing']), coded('BAN-E001', /no label/));
  });
});

describe('build secrets', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-secret-'));
    await writeFile(join(folder, 'to,ken'), 'canary');
    await writeFile(join(folder, 'large'), Buffer.alloc(500 * 1024 + 1));
    await mkdir(join(folder, 'a folder'));
  });
  after(async () => await rm(folder, { recursive: true, force: true }));

  it('are written as docker takes them', () => {
    const read = (text: string): unknown => readBuildSecret(text, '/project', { TOKEN: 'x' });
    assert.deepEqual(read('id=a,src=.npmrc'), { id: 'a', file: '/project/.npmrc' });
    assert.deepEqual(read('type=file,id=a,source=/x'), { id: 'a', file: '/x' });
    assert.deepEqual(read('id=a,env=TOKEN'), { id: 'a', variable: 'TOKEN' });
    assert.deepEqual(read('id=TOKEN'), { id: 'TOKEN', variable: 'TOKEN' });
    assert.deepEqual(read('id=npmrc'), { id: 'npmrc', file: '/project/npmrc' });
    assert.deepEqual(read('id=a,"src=x,y"'), { id: 'a', file: '/project/x,y' });
    for (const text of ['', 'src=x', 'id=', 'id=a,src=', 'id=a,sorce=x', 'npmrc=canary-value'])
      assert.throws(
        () => read(text),
        (error) => coded('BAN-E001', /--build-secret/)(error) && !String(error).includes('canary'),
      );
  });

  it('go to docker by their name, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }).filter((id) => id.trim() === id && !/\n|\r/.test(id)),
        fc.string({ minLength: 1 }).filter((file) => !/\n|\r/.test(file)),
        (id, name) => {
          const file = resolve('/x', `f${name}`);
          const secret = readBuildSecret(secretArgument({ id, file }), '/', {});
          assert.deepEqual(secret, { id, file });
        },
      ),
    );
    assert.equal(secretArgument({ id: 'a', file: '/b,c' }), 'id=a,"src=/b,c"');
    assert.equal(secretArgument({ id: 'a', variable: 'TOKEN' }), 'id=a,env=TOKEN');
  });

  it('that cannot be read are an error before anything is built, without their value', async () => {
    const require = async (name: string): Promise<void> =>
      await requireBuildSecrets([{ id: 'a', file: join(folder, name) }], {}, 'in stack.yml:7');
    await require('to,ken');
    await assert.rejects(require('nowhere'), coded('BAN-E215', /secret a: .*nowhere is not there/, /stack\.yml:7/));
    await assert.rejects(require('a folder'), coded('BAN-E215', /is no file/));
    await assert.rejects(require('large'), coded('BAN-E215', /500 KiB/));
    await assert.rejects(
      requireBuildSecrets([{ id: 'a', variable: 'NPM_TOKEN' }], {}, ''),
      coded('BAN-E215', /NPM_TOKEN is not set/),
    );
    await requireBuildSecrets([{ id: 'a', variable: 'NPM_TOKEN' }], { NPM_TOKEN: '' }, '');
  });
});
