import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { calledRow, commands, nouns } from '../../cli/command-table.ts';
import type { Surroundings } from '../../cli/context.ts';
import { globalOptions } from '../../cli/global-options.ts';
import { parseLine } from '../../cli/parser.ts';
import { runProgramLine } from '../../cli/program.ts';
import { bantam, root } from './program.ts';

/** Surroundings whose output is kept; `columns` makes stdout as wide as such a terminal. */
function surround(columns?: number): { readonly surroundings: Surroundings; text(): string } {
  const written: string[] = [];
  const stream = (): NodeJS.WriteStream => {
    const made = new PassThrough();
    made.setEncoding('utf8').on('data', (text: string) => written.push(text));
    return Object.assign(made, columns === undefined ? {} : { columns }) as unknown as NodeJS.WriteStream;
  };
  return {
    surroundings: {
      environment: {},
      folder: root,
      home: root,
      packageFolder: root,
      stdin: process.stdin,
      stdout: stream(),
      stderr: stream(),
      signal: new AbortController().signal,
    },
    text: () => written.join(''),
  };
}

async function helpOf(words: readonly string[], columns?: number): Promise<string> {
  const { surroundings, text } = surround(columns);
  assert.equal(await runProgramLine([...words, '--help'], surroundings), 0, words.join(' '));
  await new Promise((resolve) => setImmediate(resolve));
  return text();
}

const all: readonly (readonly string[])[] = [
  [],
  ...Object.keys(nouns).map((noun) => [noun]),
  ...commands.map(({ path }) => path),
];

/** The words of a line as a shell would make them, up to a pipe, a redirection, a comment or the end of a substitution. */
function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/\s*(?:(?<end>[|<>;#&)])|(?<word>(?:'[^']*'|"[^"]*"|\\.|[^\s|<>;&)'"\\])+))/gy)) {
    if (match.groups?.['end'] !== undefined) break;
    words.push((match.groups?.['word'] ?? '').replace(/'([^']*)'|"([^"]*)"|\\(.)/g, '$1$2$3'));
  }
  return words;
}

/** What is wrong with a line that calls bantam, as documentation shows it; nothing runs. */
async function problemOf(line: string): Promise<string | undefined> {
  const argv = wordsOf(line).slice(1);
  const row = calledRow(argv);
  const called = row && { row, command: await row.load() };
  const parsed = await parseLine(argv, surround().surroundings, async () => undefined, { json: true, called });
  return 'message' in parsed ? `${line}: ${parsed.message}` : undefined;
}

describe('help', () => {
  it('that the build has kept is what the parser says', async () => {
    assert.equal(await readFile(join(root, 'dist/help.txt'), 'utf8'), await helpOf([]));
    const kept = await bantam(['--help'], { folder: root });
    assert.equal(kept.stdout, await helpOf([]));
  });

  for (const words of all) {
    it(`of bantam ${words.join(' ')} fits 80 columns, describes each option and ends like a sheet of paper`, async () => {
      const help = await helpOf(words);
      const lines = help.split('\n');
      const [own = ''] = help.split('\nOptions of every command');
      assert.deepEqual(
        lines.filter((line) => line.length > 80),
        [],
      );
      assert.deepEqual(
        lines.filter((line) => /\s$/.test(line)),
        [],
      );
      assert.match(help, /^Usage: bantam/);
      // An option without a description stands alone on its line.
      assert.deepEqual(
        own
          .split('\n')
          .filter(
            (line, at) =>
              /^ {2}-/.test(line) && !/ {2,}\S/.test(line.trim()) && !/^ {10,}\S/.test(own.split('\n')[at + 1] ?? ''),
          ),
        [],
      );
    });
  }

  it('wraps for a narrow terminal', async () => {
    const lines = (await helpOf(['fn', 'deploy'], 70)).split('\nOptions of every command')[0]?.split('\n') ?? [];
    assert.deepEqual(
      lines.filter((line) => line.length > 70),
      [],
    );
  });

  it('is the same, however it is asked for', async () => {
    for (const [ways, words] of [
      [
        [
          ['help', 'fn', 'build'],
          ['fn', 'help', 'build'],
          ['--json', 'fn', 'build', '-h'],
        ],
        ['fn', 'build'],
      ],
      [
        [
          ['help', 'deploy'],
          ['-v', 'help', 'deploy'],
        ],
        ['deploy'],
      ],
      [
        [
          ['help', 'secret'],
          ['secret', 'help'],
        ],
        ['secret'],
      ],
      [[['help'], ['help', 'help']], []],
    ] as const)
      for (const way of ways) {
        const { surroundings, text } = surround();
        assert.equal(await runProgramLine(way, surroundings), 0, way.join(' '));
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(text(), await helpOf(words), way.join(' '));
      }
  });

  for (const [line, message, hint] of [
    ['help zzzzz', "unknown command 'zzzzz'", 'bantam --help shows what there is'],
    ['zzzzz --help', "unknown command 'zzzzz'", 'bantam --help shows what there is'],
    ['fn zzzzz -h', "unknown command 'zzzzz'", 'bantam fn --help shows what there is'],
    ['fn help bild', "unknown command 'bild'", 'did you mean build? bantam fn --help shows what there is'],
    ['image zzzzz', "unknown command 'zzzzz'", 'bantam image --help shows what there is'],
    ['scale hello 2', "unknown command 'scale'", 'did you mean bantam fn scale? bantam --help shows what there is'],
    ['pull', "unknown command 'pull'", 'did you mean bantam template pull? bantam --help shows what there is'],
    [
      'fn scale hello',
      "missing required argument 'replicas'",
      'write bantam fn scale <name> <replicas>; bantam fn scale --help shows what it takes',
    ],
  ] as const)
    it(`is offered for \`bantam ${line}\``, async () => {
      const { surroundings, text } = surround();
      assert.equal(await runProgramLine(line.split(' '), surroundings), 2);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(text(), `error  BAN-E001  ${message}\n       next: ${hint}\n`);
    });

  it('of bantam itself names every command that is called without a noun, and every noun', async () => {
    const help = await helpOf([]);
    for (const { path, everyday } of commands) {
      const word = path.length === 1 ? path[0] : everyday === true ? path[1] : path[0];
      assert.match(help, new RegExp(`^  ${word} `, 'm'));
    }
    for (const { flags, hidden } of globalOptions) assert.equal(help.includes(flags), hidden !== true, flags);
  });
});

describe('each line that calls bantam', () => {
  it('among the examples of help is one that bantam takes', async () => {
    for (const { path, load } of commands) {
      const { examples } = await load();
      assert.ok(examples.length > 0, path.join(' '));
      for (const example of examples) {
        const line = /\bbantam .*/.exec(example)?.[0];
        assert.ok(line, example);
        assert.equal(await problemOf(line), undefined);
        assert.deepEqual(
          calledRow(wordsOf(line).slice(1))?.path,
          path,
          `${example} stands in the help of ${path.join(' ')}`,
        );
      }
    }
  });

  it('in README and docs is one that bantam takes', async () => {
    const files = [
      'README.md',
      ...(await readdir(join(root, 'docs'), { recursive: true }))
        .filter((name) => name.endsWith('.md'))
        .map((name) => `docs/${name}`),
    ];
    const problems: string[] = [];
    let seen = 0;
    for (const file of files) {
      const text = (await readFile(join(root, file), 'utf8')).replace(/\\\n\s*/g, ' ');
      for (const [, language = '', block = ''] of text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)) {
        if (!['', 'sh', 'shell', 'console', 'bash'].includes(language)) continue;
        for (const line of block.split('\n')) {
          const call = /^(?:\$ |[A-Z_]+=\S+ |[^#]*[|(] *)?(bantam (?!.*\[).*)$/.exec(line)?.[1];
          // A line with NOUN or VERB in it shows the form, not a call.
          if (call === undefined || /\b(?:NOUN|VERB)\b|…/.test(call)) continue;
          seen += 1;
          const problem = await problemOf(call);
          if (problem !== undefined) problems.push(`${file}: ${problem}`);
        }
      }
    }
    assert.deepEqual(problems, []);
    assert.ok(seen > 30, `only ${seen} lines were found`);
  });
});
