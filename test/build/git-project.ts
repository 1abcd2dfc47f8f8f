import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { readStack } from '../../cli/stack/read.ts';
import type { Stack } from '../../cli/stack/stack.ts';

const execute = promisify(execFile);

/** A folder for repositories, with one project in `project`. */
export interface GitProject extends AsyncDisposable {
  readonly root: string;
  readonly folder: string;
  git(...gitArguments: readonly string[]): Promise<string>;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Writes, adds everything and commits. */
  commit(files?: Readonly<Record<string, string>>): Promise<void>;
  stack(environment?: Readonly<Record<string, string>>): Promise<Stack>;
}

/** The stack file of the project: `body` are the functions, `more` what follows them. */
export function stackText(functions: Readonly<Record<string, string>>, more = ''): string {
  const entries = Object.entries(functions).map(([name, fields]) => `  ${name}: { ${fields} }\n`);
  return `version: 1.0\nprovider:\n  name: openfaas\nfunctions:\n${entries.join('')}${more}`;
}

/** Fields of a function of the template `mine`. */
export function fieldsOf(name: string, more = ''): string {
  return `lang: mine, handler: ./${name}, image: "registry.lan/${name}:1.0"${more}`;
}

/** Makes a project with the functions `one` and `two` in a git repository without commits; `inside` is its folder there. */
export async function makeGitProject(inside = 'my projéct'): Promise<GitProject> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'bantam-git-project-')));
  const folder = join(root, 'project', inside);
  await mkdir(folder, { recursive: true });
  const environment = {
    ...process.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'n',
    GIT_AUTHOR_EMAIL: 'n@example.com',
    GIT_COMMITTER_NAME: 'n',
    GIT_COMMITTER_EMAIL: 'n@example.com',
  };
  const git = async (...gitArguments: readonly string[]): Promise<string> =>
    (await execute('git', gitArguments, { cwd: folder, env: environment })).stdout.trim();
  const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  };
  await git('init', '-q', '-b', 'main', join(root, 'project'));
  await write({
    'stack.yml': stackText({ one: fieldsOf('one'), two: fieldsOf('two') }),
    'one/handler.js': 'one',
    'two/handler.js': 'two',
    'template/mine/template.yml': 'language: mine\n',
    'template/mine/Dockerfile': 'FROM scratch\n',
    'README.md': 'hello',
    '.gitignore': 'ignored\n',
  });
  return {
    root,
    folder,
    git,
    write,
    async commit(files = {}) {
      await write(files);
      await git('add', '-A', '.');
      await git('commit', '-q', '--allow-empty', '-m', 'a commit');
    },
    stack: async (given = {}) => (await readStack(join(folder, 'stack.yml'), { environment: given })).stack,
    [Symbol.asyncDispose]: async () => await rm(root, { recursive: true, force: true }),
  };
}
