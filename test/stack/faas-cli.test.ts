import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { substitute } from '../../cli/stack/substitute.ts';
import { skip } from '../real-parts.ts';
import { stackWith } from '../recordings/faas-cli/expressions.ts';
import { readAnswers, readExpressions } from '../recordings/faas-cli/recording.ts';
import { startRecordingGateway } from '../recordings/faas-cli/recording-gateway.ts';
import { runFaasCli } from '../recordings/faas-cli/run-faas-cli.ts';
import { readCases, type StackCase } from '../recordings/faas-cli/stack-case.ts';
import { buildAsBantam, compareBuilds } from './faas-cli/bantam-builds.ts';
import { type BantamReading, readAsBantam, withProject } from './faas-cli/bantam-reads.ts';
import { compareDeployments } from './faas-cli/compare.ts';

const cases = await readCases();
const answers = await readAnswers();
const page = await readFile(new URL('../../docs/faas-cli.md', import.meta.url), 'utf8');
const [table = '', buildTable = ''] = (/^## What differs, and why$(.*?)^## /ms.exec(page)?.[1] ?? '').split(
  '### When building',
);

/** The cases that docs/faas-cli.md names: those in which the two differ. */
const documented = casesOf(table);
const documentedBuilds = casesOf(buildTable);

function casesOf(markdown: string): ReadonlySet<string> {
  return new Set([...markdown.matchAll(/^\|.*\|([^|]*)\|$/gm)].flatMap(([, cell]) => namesIn(cell ?? '')));
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([a-z0-9.-]+)`/gi)].map(([, name]) => name ?? '');
}

/** What the lines `bantam: WORD …` of a case say. */
function expectationsOf(stackCase: StackCase, word: string): string[] {
  return stackCase.bantam.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
}

/** Holds what bantam made of a case to the lines `bantam:` of it. */
function checkExpectations(stackCase: StackCase, ours: BantamReading, project: string): void {
  const expected = (word: string): string[] =>
    expectationsOf(stackCase, word).map((line) => line.replaceAll('PROJECT', project));
  const { refusal } = ours;
  const said = refusal === undefined ? [] : refusal.details.length > 0 ? refusal.details : [refusal.message];
  assert.deepEqual(said, expected('refuses'));
  assert.deepEqual(ours.warnings, expected('warns'));
  for (const address of expected('asks')) assert.equal(ours.requests[0]?.url, address);
  for (const line of expected('sends')) {
    const [, path = '', value = ''] = /^(\S+) (.+)$/.exec(line) ?? [];
    let found: unknown = ours.requests[0]?.body;
    for (const step of path.split('.')) found = (found as Record<string, unknown> | undefined)?.[step];
    assert.deepEqual(found, value === 'nothing' ? undefined : JSON.parse(value), path);
  }
}

describe('a stack file, as faas-cli 0.18 and bantam read it', () => {
  it('is there in more than 200 shapes, each recorded', () => {
    assert.ok(cases.length > 200);
    assert.deepEqual(
      cases.map(({ name }) => name),
      Object.keys(answers),
    );
  });

  for (const stackCase of cases) {
    it(stackCase.name, async () => {
      const deploy = answers[stackCase.name]?.deploy;
      assert.ok(deploy !== undefined);
      await withProject(stackCase, async (project) => {
        const ours = await readAsBantam(stackCase, project);
        checkExpectations(stackCase, ours, project);
        const differences = compareDeployments(deploy, ours);
        if (!documented.has(stackCase.name)) assert.deepEqual(differences, []);
        else assert.ok(differences.length > 0, 'docs/faas-cli.md says that it differs, and it does not');
      });
    });
  }

  for (const stackCase of cases.filter(({ build }) => build !== undefined)) {
    it(`${stackCase.name}, built`, async () => {
      const recorded = answers[stackCase.name]?.build;
      assert.ok(recorded !== undefined);
      await withProject(stackCase, async (project) => {
        const differences = compareBuilds(recorded, await buildAsBantam(stackCase, project));
        assert.deepEqual(differences, expectationsOf(stackCase, 'builds'));
        assert.equal(differences.length > 0, documentedBuilds.has(stackCase.name), 'docs/faas-cli.md says otherwise');
      });
    });
  }

  it('is documented where it differs, and every row of the table names a case', () => {
    const rows = `${table}\n${buildTable}`.split('\n').filter((line) => /^\| (?!What|---)/.test(line));
    assert.ok(rows.length > 20);
    for (const row of rows) assert.ok(namesIn(row.split('|').at(-2) ?? '').length > 0, row);
    const names = new Set([...cases.map(({ name }) => name), 'expressions.json']);
    for (const name of [...documented, ...documentedBuilds]) assert.ok(names.has(name), name);
  });
});

describe('substitution, as faas-cli 0.18 and bantam do it', () => {
  /** Why bantam refuses what faas-cli takes; each is a row of docs/faas-cli.md. */
  const reasons = [
    /is not set$/, // unset-variable
    /^\w+: ./, // required-variable
    /^:\+ is not supported/,
    /^the closing brace of \$\{ is missing on this line$/,
    /is no number$|^the length .* is negative$/,
    /^the pattern .* matches nothing/,
    /leaves the text as it is$/,
    /^position .* a character in two$/,
    /^\$\{\w+[,^]{2}\} is no substitution/,
  ];

  it('gives the same text for hundreds of expressions, or says why not', async () => {
    const { environment, answers: expressions } = await readExpressions();
    assert.ok(expressions.length > 500);
    let same = 0;
    for (const { expression, exit, value } of expressions) {
      const { text, problems } = substitute(stackWith(expression), environment);
      const shown = `${expression}: ${JSON.stringify(value)}`;
      if (exit !== 0) assert.ok(problems.length > 0, `faas-cli refuses ${shown}`);
      else if (problems.length === 0) {
        assert.equal(text, stackWith(value ?? ''), shown);
        same += 1;
      } else
        for (const { message } of problems)
          assert.ok(
            reasons.some((reason) => reason.test(message)),
            `${shown} ${message}`,
          );
    }
    assert.ok(same > 400, `${same} are the same`);
  });
});

describe('the faas-cli of BANTAM_FAAS_CLI', () => {
  it('does what is recorded', async function () {
    const program = process.env['BANTAM_FAAS_CLI'];
    // It needs port 8080, and a minute: who changes the cases or faas-cli asks for it.
    if (program === undefined) skip(this, 'BANTAM_FAAS_CLI names no faas-cli');
    await using gateway = await startRecordingGateway();
    for (const stackCase of cases)
      assert.deepEqual(await runFaasCli(program, stackCase, gateway), answers[stackCase.name], stackCase.name);
  }).timeout(300_000);
});
