import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A stack as somebody might have it, with what belongs to it and how faas-cli is called there. */
export interface StackCase {
  readonly name: string;
  /** Where the command is given, relative to the project. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** What follows `faas-cli deploy`, and `faas-cli build`; undefined: that command is not given. */
  readonly deploy: readonly string[] | undefined;
  readonly build: readonly string[] | undefined;
  /** What bantam makes of it, where that is more than the bodies of faas-cli: see README.md. */
  readonly bantam: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

const cases = fileURLToPath(new URL('./cases/', import.meta.url));

/** All cases, by name. */
export async function readCases(): Promise<readonly StackCase[]> {
  const files = (await readdir(cases)).filter((file) => file.endsWith('.txt'));
  const names = files.map((file) => file.slice(0, -'.txt'.length)).sort();
  return await Promise.all(
    names.map(async (name) => parseCase(name, await readFile(join(cases, `${name}.txt`), 'utf8'))),
  );
}

/** Reads the text of a case: lines `word: value`, then the files, each below a line `-- path --` (the form of Go's txtar). */
export function parseCase(name: string, text: string): StackCase {
  const [head = '', ...parts] = text.split(/^-- (.+) --\n/m);
  const lines = head.split('\n').flatMap((line) => {
    const match = /^([a-z]+): ?(.*)$/.exec(line);
    return match === null ? [] : [{ word: match[1] ?? '', value: match[2] ?? '' }];
  });
  const unknown = lines.find(({ word }) => !['folder', 'environment', 'deploy', 'build', 'bantam'].includes(word));
  if (unknown !== undefined) throw new Error(`${name}: what is ${unknown.word}?`);
  const valuesOf = (word: string): string[] => lines.filter((line) => line.word === word).map(({ value }) => value);
  const words = (value: string | undefined): readonly string[] | undefined =>
    value === 'no' ? undefined : value?.split(' ').filter((part) => part !== '' && part !== 'yes');
  return {
    name,
    folder: valuesOf('folder')[0] ?? '.',
    environment: Object.fromEntries(
      valuesOf('environment').map((value) => [value.slice(0, value.indexOf('=')), value.slice(value.indexOf('=') + 1)]),
    ),
    deploy: words(valuesOf('deploy')[0] ?? 'yes'),
    build: words(valuesOf('build')[0] ?? 'no'),
    bantam: valuesOf('bantam'),
    files: Object.fromEntries(
      parts.flatMap((part, index) => (index % 2 === 0 ? [[part, parts[index + 1] ?? ''] as const] : [])),
    ),
  };
}

/** Writes the files of a case below `project` (absolute). */
export async function writeCase(stackCase: StackCase, project: string): Promise<void> {
  await mkdir(join(project, stackCase.folder), { recursive: true });
  for (const [path, content] of Object.entries(stackCase.files)) {
    await mkdir(dirname(join(project, path)), { recursive: true });
    await writeFile(join(project, path), content);
  }
}
