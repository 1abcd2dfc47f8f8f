import assert from 'node:assert/strict';
import { withTemplateProcess } from '../../cli/commands/template-process.ts';
import type { Event } from '../../cli/events.ts';
import { findTemplate } from '../../cli/template/find.ts';
import { declare } from '../rollout/example.ts';
import { temporaryProject } from '../stack/project.ts';

/** What becomes of a function's process in a project with these files, and what is said of it. */
async function processOf(
  settings: Parameters<typeof declare>[0],
  files: Record<string, string> = { 'template/node22/template.yml': 'language: node22\nfprocess: node index.js\n' },
): Promise<{ process: string | undefined; said: readonly Event[] }> {
  await using project = await temporaryProject(files);
  const said: Event[] = [];
  const report = (event: Event): void => void said.push(event);
  const { process } = await withTemplateProcess(declare(settings), project.folder, { findTemplate, report });
  return { process, said };
}

describe('the process that a deployment names', () => {
  it('is that of template.yml, unless the stack file says another', async () => {
    assert.deepEqual(await processOf({ language: 'node22' }), { process: 'node index.js', said: [] });
    assert.equal((await processOf({ language: 'node22', process: 'node x.js' })).process, 'node x.js');
  });

  it('is nothing where there is no template to ask', async () => {
    for (const language of ['', 'dockerfile'])
      assert.deepEqual(await processOf({ language }), { process: undefined, said: [] });
  });

  it('is the image’s own where the template is not here, and that is said', async () => {
    const { process, said } = await processOf({ language: 'golang-middleware' });
    assert.equal(process, undefined);
    assert.deepEqual(said, [
      {
        type: 'note',
        about: 'hello',
        text: 'template/golang-middleware is not here: the program that starts is the one its image names (fprocess)',
      },
    ]);
  });

  it('is no guess where template.yml cannot be read', () =>
    assert.rejects(processOf({ language: 'node22' }, { 'template/node22/template.yml': 'fprocess: [' }), {
      code: 'BAN-E112',
    }));
});
