import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { commands, nouns } from '../../cli/command-table.ts';
import { root } from '../e2e/program.ts';

/** Words that are, or may one day be, commands without a noun; other words after "bantam" are prose. */
const verbs =
  'new|build|test|deploy|dev|list|invoke|logs|plan|ready|rollback|history|login|logout|doctor|completion|faas|cluster|ci';

describe('sentences that name a command', () => {
  it('name one that there is', async () => {
    const known = new Set(
      commands.flatMap(({ path, everyday }) => [path.join(' '), ...(everyday === true ? [path[1] ?? ''] : [])]),
    );
    const pattern = new RegExp(`\\bbantam ((?:${Object.keys(nouns).join('|')}) [a-z]+|(?:${verbs})\\b)`, 'g');
    const wrong: string[] = [];
    let found = 0;
    for (const file of [
      ...(await filesIn('cli')),
      ...(await filesIn('templates')),
      ...(await filesIn('docs')),
      'README.md',
    ]) {
      const text = await readFile(join(root, file), 'utf8');
      for (const [, called = ''] of text.matchAll(pattern)) {
        found += 1;
        if (!known.has(called)) wrong.push(`${file}: bantam ${called}`);
      }
    }
    assert.ok(found > 50, `${found} found`);
    assert.deepEqual(wrong, []);
  });
});

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter(
      (entry) => entry.isFile() && /\.(ts|md|yml)$/.test(entry.name) && !entry.parentPath.includes('node_modules'),
    )
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}
