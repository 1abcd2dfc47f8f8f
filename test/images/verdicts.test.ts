import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { anyArm, anyArm64, nodeKinds, nodeNamed, nodeOf } from '../../cli/oci/node.ts';
import { parsePlatform } from '../../cli/oci/platform.ts';
import { judgeContent, runs } from '../../cli/oci/runs.ts';
import { believeIndex } from './index-only.ts';
import { answers, makeShape, type Shape, truthOf } from './shape.ts';
import { shapesOfIndexes } from './shapes-of-indexes.ts';
import { shapesOfFiles, shapesOfWays } from './shapes-of-programs.ts';

const shapes = [...shapesOfIndexes, ...shapesOfFiles, ...shapesOfWays];

const shapeNamed = (name: string): Shape => {
  const found = shapes.find((shape) => shape.name === name);
  assert.ok(found !== undefined, name);
  return found;
};

describe('whether an image runs on a node', () => {
  for (const shape of shapes) {
    it(`is known for ${shape.name}`, async () => {
      const { image } = await makeShape(shape);
      const verdicts = nodeKinds.map((node) => runs(image, node));
      const told = verdicts.map(({ answer, reason }, index) => `${nodeKinds[index]?.name}: ${answer}, ${reason}`);
      assert.deepEqual(
        verdicts.map(({ answer }) => answer),
        truthOf(shape).map((sign) => answers[sign]),
        told.join('\n'),
      );
      for (const { reason } of verdicts) assert.match(reason, /^[^\n]{5,300}[^.\s]$/u);
    });
  }

  it('is not known by the index alone', async () => {
    assert.equal(new Set(shapes.map(({ name }) => name)).size, shapes.length);
    const cells = await Promise.all(
      shapes.map(async (shape) => {
        const { image } = await makeShape(shape);
        return truthOf(shape).map((sign, index) => {
          const node = nodeKinds[index];
          assert.ok(node !== undefined);
          return { truth: answers[sign], believed: believeIndex(image, node) };
        });
      }),
    );
    const wrong = cells.map(
      (row) => row.filter(({ truth, believed }) => truth !== 'unknown' && truth !== believed).length,
    );
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
    const counts = {
      shapes: shapes.length,
      verdicts: cells.flat().length,
      shapesWrong: wrong.filter((count) => count > 0).length,
      verdictsWrong: sum(wrong),
      saysRunsAndDoesNot: cells.flat().filter(({ truth, believed }) => truth === 'does not' && believed === 'runs')
        .length,
      guesses: cells.flat().filter(({ truth }) => truth === 'unknown').length,
    };
    const page = await readFile(new URL('../../docs/nodes.md', import.meta.url), 'utf8');
    const sentence = `Of ${counts.shapes} made-up images on seven kinds of node (${counts.verdicts} verdicts), reading the index alone is wrong for ${counts.shapesWrong} images and ${counts.verdictsWrong} verdicts: ${counts.saysRunsAndDoesNot} times it says "runs" and the image does not start. It has an answer for ${counts.guesses} more that nobody can know by reading.`;
    assert.ok(page.replaceAll(/\s+/g, ' ').includes(sentence), `docs/nodes.md should say: ${sentence}`);
  });

  for (const [name, arm, arm64] of [
    ['amd64, arm64 and arm/v7', 'unknown', 'runs'],
    ['arm/v6 only, compiled for v6', 'runs', 'unknown'],
    ['amd64 only', 'does not', 'does not'],
    ['arm64 laid out for pages of 4 KiB', 'does not', 'unknown'],
    ['arm/v6 only, which does not say what it is compiled for', 'unknown', 'unknown'],
  ] as const) {
    it(`is known for ${name} where a node only says its machine`, async () => {
      const image = (await makeShape(shapeNamed(name))).image;
      assert.deepEqual([runs(image, anyArm).answer, runs(image, anyArm64).answer], [arm, arm64]);
    });
  }

  it('is said in one sentence', async () => {
    for (const [name, kind, sentence] of [
      ['amd64 only', 'pi5', 'its index has linux/amd64, nothing that linux/arm64 takes'],
      ['arm/v7 only, which 64-bit Pis start too', 'arm64', 'it takes linux/arm/v7: /fn is ARM (32-bit)'],
      ['arm64 that holds amd64', 'arm64', '/fn is x86-64, linux/arm64 needs AArch64 or ARM (32-bit)'],
      [
        'a single amd64 image',
        'arm64-server',
        'it is a single image for linux/amd64, which every node takes: /fn is x86-64, linux/arm64 needs AArch64',
      ],
      ['arm64 laid out for pages of 4 KiB', 'pi5', '/fn is laid out for memory pages of 4 KiB, the node has 16 KiB'],
      ['a loader that is missing', 'arm64', '/fn needs /lib/ld-linux-aarch64.so.1, which is not in the image'],
      ['a chart', 'amd64', 'it is no image but application/vnd.cncf.helm.config.v1+json'],
    ] as const) {
      const node = nodeNamed(kind);
      assert.ok(node !== undefined);
      assert.equal(runs((await makeShape(shapeNamed(name))).image, node).reason, sentence);
    }
    const torn = runs((await makeShape(shapeNamed('amd64, arm64 and arm/v7'))).image, anyArm);
    assert.equal(
      torn.reason,
      'it depends on the node (armv6: does not, armv7: runs, arm-on-arm64: runs): its index has linux/amd64, linux/arm64, linux/arm/v7, nothing that linux/arm/v6 takes',
    );
  });
});

describe('machines that bantam knows nothing of', () => {
  for (const [name, platform] of [
    ['a single Windows image', { os: 'windows', architecture: 'amd64' }],
    ['riscv64 only', { os: 'freebsd', architecture: 'riscv64' }],
  ] as const) {
    it(`leave it unknown whether ${name} runs on ${platform.os}`, async () => {
      const { content } = (await makeShape(shapeNamed(name))).image.entries[0] ?? assert.fail();
      const verdict = judgeContent(content, nodeOf(platform));
      assert.deepEqual(verdict, {
        answer: 'unknown',
        reason: `bantam does not know what ${platform.os}/${platform.architecture} runs`,
      });
    });
  }

  it('and machines of which only a part is known, are judged without an index too', async () => {
    const { content } =
      (await makeShape(shapeNamed('a single arm image that does not say what it is compiled for'))).image.entries[0] ??
      assert.fail();
    assert.deepEqual(judgeContent(content, anyArm), {
      answer: 'unknown',
      reason:
        'it depends on the node (armv6: unknown, armv7: runs, arm-on-arm64: runs): /fn is ARM (32-bit); its header does not tell whether linux/arm/v6 is enough or v7 is needed',
    });
  });
});

describe('a reason', () => {
  it('never carries what an image could do to a terminal', async () => {
    const amd64 = nodeNamed('amd64');
    assert.ok(amd64 !== undefined);
    const hostile = async (name: string, platform: Readonly<Record<string, string>>) => {
      const holds = { says: platform, config: { Entrypoint: [name] }, layers: [{ files: [] }] };
      return runs((await makeShape({ image: { entries: [{ named: platform, holds }] } })).image, amd64).reason;
    };
    const linux = { os: 'linux', architecture: 'amd64' };
    assert.equal(await hostile('/\u001b[31m\nfn\u202e', linux), '/\\u{1b}[31m\\u{a}fn\\u{202e} is not in the image');
    assert.equal(
      await hostile('/fn', { os: 'linux\u0007', architecture: 'x' }),
      'its index has linux\\u{7}/x, nothing that linux/amd64 takes',
    );
    const long = await hostile(`/${'ä'.repeat(3000)}`, linux);
    assert.match(long, /^\/ä+…ä+ is not in the image$/);
    assert.ok([...long].length < 420);
  });
});

describe('kinds of node', () => {
  it('stand in the documentation', async () => {
    const page = await readFile(new URL('../../docs/nodes.md', import.meta.url), 'utf8');
    for (const { name, about } of nodeKinds) assert.ok(page.includes(`| \`${name}\` | ${about} |`), name);
  });

  it('have a name, a sentence, and follow from a platform', () => {
    for (const { name, about } of [...nodeKinds, anyArm, anyArm64]) {
      assert.equal(nodeNamed(name)?.about, about);
      assert.match(about, /^a .{20,140}[^.]$/);
    }
    assert.equal(nodeNamed('pi6'), undefined);
    const kinds = [
      'linux/amd64',
      'linux/arm64',
      'linux/arm64/v8',
      'linux/arm',
      'linux/arm/v6',
      'linux/arm/v8',
      'linux/amd64/v3',
      'linux/arm/v5',
      'linux/riscv64',
    ];
    assert.deepEqual(
      kinds.map((each) => nodeOf(parsePlatform(each)).name),
      ['amd64', 'arm64', 'arm64', 'armv7', 'armv6', 'arm-on-arm64', 'amd64/v3', 'arm/v5', 'riscv64'],
    );
    assert.equal(nodeOf(parsePlatform('linux/amd64/v3')).x86Level, 3);
    assert.deepEqual(nodeOf(parsePlatform('linux/riscv64')).executes, { riscv64: 'yes' });
  });
});
