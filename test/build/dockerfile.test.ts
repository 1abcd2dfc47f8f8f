// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write arguments that way
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { readDockerfile } from '../../cli/build/dockerfile.ts';

/** Lines of the RUNs that need the target platform. */
const runs = (text: string): readonly number[] => readDockerfile(text).targetRuns.map(({ line }) => line);

/** The shapes that templates of the OpenFaaS world have: a watchdog copied in, everything on the target. */
const watchdogStyle = `FROM --platform=\${TARGETPLATFORM:-linux/amd64} example.org/watchdog:1 AS watchdog
FROM --platform=\${TARGETPLATFORM:-linux/amd64} python:3-alpine AS ship

ARG TARGETPLATFORM
COPY --from=watchdog /fwatchdog /usr/bin/fwatchdog
RUN chmod +x /usr/bin/fwatchdog && \\
    # a comment in between
    addgroup -S app
USER app
CMD ["fwatchdog"]
`;

describe('facts of a Dockerfile', () => {
  describe('RUN on the target', () => {
    const cases: readonly (readonly [string, string, readonly number[]])[] = [
      ['of a watchdog-style template', watchdogStyle, [6]],
      ['is where no platform is said', 'FROM busybox\nRUN a\n', [2]],
      [
        'is not in a build stage',
        'FROM --platform=$BUILDPLATFORM a AS b\nRUN x\nFROM scratch\nCOPY --from=b / /\n',
        [],
      ],
      [
        'is not in a stage of a named platform',
        'FROM --platform=linux/amd64 a AS b\nRUN x\nFROM scratch\nCOPY --from=b / /\n',
        [],
      ],
      ['is found behind --platform=$TARGETPLATFORM', 'FROM --platform=$TARGETPLATFORM a\nRUN x\n', [2]],
      [
        'is found behind an argument that names the target',
        'ARG P=$TARGETPLATFORM\nFROM --platform=$P a\nRUN x\n',
        [3],
      ],
      [
        'is not found behind an argument that names the build platform',
        'ARG P=$BUILDPLATFORM\nFROM --platform=${P} a\nRUN x\n',
        [],
      ],
      ['in lower case', 'from --platform=$BUILDPLATFORM a as b\nrun x\nfrom a\ncopy --from=b /x /x\nrun y\n', [5]],
      [
        'is found through FROM base-${TARGETARCH}',
        'FROM a AS base-amd64\nRUN x\nFROM b AS base-arm\nRUN y\nFROM base-${TARGETARCH}\nCOPY a a\n',
        [2, 4],
      ],
      [
        'is found in a stage that is copied from',
        'FROM a AS tools\nRUN x\nFROM scratch\nCOPY --from=tools /x /x\n',
        [2],
      ],
      [
        'is found in a stage that is copied from by its number',
        'FROM a\nRUN x\nFROM scratch\nCOPY --from=0 /x /x\n',
        [2],
      ],
      [
        'is found in a stage that a mount takes',
        'FROM a AS tools\nRUN x\nFROM --platform=$BUILDPLATFORM a AS b\nRUN --mount=type=bind,from=tools,target=/t y\nFROM scratch\nCOPY --from=b / /\n',
        [2],
      ],
      ['is not found in stages that nothing uses', 'FROM a AS test\nRUN x\nFROM b\nCOPY . .\n', []],
      [
        'keeps the platform of the stage it is made from',
        'FROM a AS b\nFROM --platform=$BUILDPLATFORM b\nRUN x\n',
        [3],
      ],
      [
        'is inherited from a build stage',
        'FROM --platform=$BUILDPLATFORM a AS b\nFROM b AS c\nRUN x\nFROM scratch\nCOPY --from=c / /\n',
        [],
      ],
      ['with a heredoc that looks like instructions', 'FROM a\nRUN <<EOF\nFROM b\nRUN c\nEOF\nCMD ["x"]\n', [2]],
      ['after a COPY heredoc', 'FROM a\nCOPY <<ONE <<TWO /x/\nRUN 1\nONE\nRUN 2\nTWO\nRUN true\n', [7]],
      ['over several lines, with another escape', '# escape=`\nFROM a\nRUN x `\n  y\n', [3]],
      ['with Windows line ends', 'FROM a\r\nRUN x\r\nCMD y\r\n', [2]],
      ['in no stage at all', '', []],
    ];
    for (const [name, text, lines] of cases) it(name, () => assert.deepEqual(runs(text), lines));

    it('is shown as it is written, on one line', () => {
      assert.deepEqual(
        readDockerfile('FROM a\nRUN  one &&  \\\n    two\n').targetRuns[0]?.text.split(/\s+/).slice(0, 3),
        ['RUN', 'one', '&&'],
      );
    });
  });

  it('fills in arguments: defaults, arguments in arguments, what BuildKit sets by itself stays', () => {
    const { stages, globalArguments } = readDockerfile(
      [
        'ARG VERSION=1.36',
        'ARG BASE="busybox:${VERSION}"',
        'ARG EMPTY',
        'FROM ${BASE:-other} AS a',
        'FROM ${MISSING:-fall:back}',
        'FROM base-${TARGETARCH:-amd64}',
        'FROM ${BASE:+chosen}',
        'FROM $UNKNOWN',
      ].join('\n'),
    );
    assert.deepEqual(
      stages.map(({ from }) => from),
      ['busybox:1.36', 'fall:back', 'base-${TARGETARCH:-amd64}', 'chosen', '$UNKNOWN'],
    );
    assert.deepEqual(globalArguments, { VERSION: '1.36', BASE: 'busybox:1.36' });
  });

  it('counts the history of the last stage and of the stages it is made from', () => {
    assert.equal(
      readDockerfile('FROM a AS b\nENV A=1 B=2\nONBUILD RUN x\nFROM b\nCOPY . .\nONBUILD RUN y\n').ownHistoryEntries,
      3,
    );
    assert.equal(readDockerfile('FROM a AS b\nRUN x\nFROM scratch\nCOPY --from=b / /\nCMD x\n').ownHistoryEntries, 2);
  });

  it('never fails, whatever the text', () => {
    const line = fc.constantFrom(
      'FROM a AS b',
      'FROM b',
      'FROM --platform=$BUILDPLATFORM ${X:-y} AS ${Z}',
      'RUN <<EOF',
      'EOF',
      'RUN a \\',
      'COPY --from=b / /',
      'COPY --from=7 / /',
      'ARG X=${X}',
      'ARG',
      '# c',
      '',
      'FROM',
      'FROM [a-z AS (',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(line, fc.string())), (lines) => {
        const facts = readDockerfile(lines.join('\n'));
        assert.ok(facts.ownHistoryEntries >= 0);
        for (const run of facts.targetRuns) assert.ok(run.line >= 1 && run.line <= lines.join('\n').split('\n').length);
      }),
    );
  });

  it('looks at no stage twice: 60 of one name, each made from what only a build knows', () => {
    const stages = Array.from({ length: 60 }, () => 'FROM ${UNKNOWN} AS build\nRUN x\n').join('');
    assert.equal(readDockerfile(stages).targetRuns.length, 60);
    assert.equal(readDockerfile('ARG A=1\nFROM ${constructor}\n').stages[0]?.from, '${constructor}');
  });

  it('compares names with many unknown parts at once', () => {
    const many = '${A_'.repeat(60);
    const stages = `FROM a AS ${'base-'.repeat(20)}\nRUN x\nFROM ${many}64}\nFROM x${'${A}e-'.repeat(30)}y\nRUN z\n`;
    assert.deepEqual(runs(stages), [5]);
    assert.deepEqual(runs('FROM a AS base-x-y\nRUN x\nFROM base-${A}-${B}\n'), [2]);
    assert.deepEqual(runs('FROM a AS base-\nRUN x\nFROM base-${A}-\n'), []);
  });

  for (const name of ['bantam-ts', 'bantam-go'])
    it(`finds no RUN on the target in ${name}`, async () => {
      const text = await readFile(new URL(`../../templates/${name}/Dockerfile`, import.meta.url), 'utf8');
      assert.deepEqual(runs(text), []);
      assert.ok(readDockerfile(text).stages.length >= 2);
    });
});
