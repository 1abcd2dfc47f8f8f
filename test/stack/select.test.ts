import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../cli/errors.ts';
import { requireHandler } from '../../cli/stack/handler.ts';
import { readStack } from '../../cli/stack/read.ts';
import { selectFunctions } from '../../cli/stack/select.ts';
import { temporaryProject } from './project.ts';

const text = `provider: {name: openfaas}
functions:
  hello: {lang: x, handler: ./hello, image: hello}
  ping: {lang: x, handler: ./pin, image: ping}
  stored: {skip_build: true, image: stored}
`;

async function stackOf(folder: string) {
  return (await readStack(join(folder, 'stack.yml'), { environment: {} })).stack;
}

describe('selecting functions', () => {
  it('gives all without names, else the named in the order of the stack, each once', async () => {
    await using project = await temporaryProject({ 'stack.yml': text });
    const stack = await stackOf(project.folder);
    assert.equal(selectFunctions(stack, []).length, 3);
    assert.deepEqual(
      selectFunctions(stack, ['ping', 'hello', 'ping']).map(({ name }) => name),
      ['hello', 'ping'],
    );
  });

  it('refuses unknown names with suggestions', async () => {
    await using project = await temporaryProject({ 'stack.yml': text });
    const stack = await stackOf(project.folder);
    const refusal = (names: string[]): UserError => {
      try {
        selectFunctions(stack, names);
      } catch (error) {
        if (error instanceof UserError) return error;
      }
      return assert.fail('the names were accepted');
    };
    assert.equal(refusal(['helo']).code, 'BAN-E002');
    assert.equal(refusal(['helo']).hint, 'did you mean hello?');
    assert.match(refusal(['helo', 'hello', 'zzz']).message, /no functions are called helo, zzz in .*stack\.yml/);
    assert.equal(refusal(['zzz']).hint, 'it has hello, ping, stored');
  });
});

describe('the handler folder', () => {
  it('is needed only when building', async () => {
    await using project = await temporaryProject({ 'stack.yml': text });
    await mkdir(join(project.folder, 'hello'));
    await mkdir(join(project.folder, 'ping'));
    const stack = await stackOf(project.folder);
    const [hello, ping, stored] = selectFunctions(stack, []);
    assert.ok(hello && ping && stored);
    assert.equal(await requireHandler(stack, hello), join(project.folder, 'hello'));
    await assert.rejects(
      requireHandler(stack, ping),
      (error) =>
        error instanceof UserError &&
        error.code === 'BAN-E105' &&
        /did you mean ping\?.*stack\.yml:4/.test(error.hint ?? ''),
    );
    await assert.rejects(requireHandler(stack, stored), { code: 'BAN-E105' });
  });
});
