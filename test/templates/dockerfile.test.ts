import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DockerfileParser, type From, type Instruction } from 'dockerfile-ast';
import { templates } from './build-context.ts';

interface Stage {
  readonly from: From;
  readonly onBuildPlatform: boolean;
  readonly instructions: readonly Instruction[];
}

interface ImageDescription {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly user: string;
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly exposedPorts: readonly string[];
}

for (const template of ['bantam-ts', 'bantam-go']) {
  describe(`the Dockerfile of ${template}`, () => {
    let text = '';
    let stages: Stage[] = [];
    let last: Stage;
    let image: ImageDescription;

    before(async () => {
      text = await readFile(join(templates, template, 'Dockerfile'), 'utf8');
      image = JSON.parse(await readFile(join(templates, template, 'build.json'), 'utf8')).image;
      const parsed = DockerfileParser.parse(text);
      stages = parsed.getFROMs().map((from, index, all) => {
        const end = all[index + 1]?.getRange().start.line ?? Number.POSITIVE_INFINITY;
        const start = from.getRange().start.line;
        return {
          from,
          onBuildPlatform: from.getPlatformFlag()?.getValue() === '$BUILDPLATFORM',
          instructions: parsed.getInstructions().filter((instruction) => {
            const { line } = instruction.getRange().start;
            return line > start && line < end;
          }),
        };
      });
      const final = stages.at(-1);
      assert.ok(final);
      last = final;
    });

    const find = (stage: Stage, keyword: string): Instruction[] =>
      stage.instructions.filter((instruction) => instruction.getKeyword() === keyword);

    it('runs nothing in a stage of the target platform', () => {
      const target = stages.filter((stage) => !stage.onBuildPlatform);
      assert.ok(target.length >= 1 && target.length < stages.length);
      for (const stage of target) {
        for (const keyword of ['RUN', 'ADD', 'ONBUILD', 'HEALTHCHECK']) assert.deepEqual(find(stage, keyword), []);
      }
    });

    it('needs no frontend image', () => {
      assert.doesNotMatch(text, /^#\s*syntax\s*=/m);
    });

    it('pins every image by digest, in one place: the ARG lines at its top', () => {
      const pins = new Map<string, string>();
      for (const [, name = '', value = ''] of text.matchAll(/^ARG (\w+)=(.*)$/gm)) pins.set(name, value);
      for (const value of pins.values())
        assert.match(value, /^[a-z0-9.]+\/[a-z0-9/-]+(:[\w.-]+)?@sha256:[0-9a-f]{64}$/);
      const known = new Set(stages.map(({ from }) => from.getBuildStage()).filter((name) => name !== null));
      for (const { from } of stages) {
        const name = from.getImage() ?? '';
        const argument = /^\$\{(\w+)\}$/.exec(name)?.[1];
        if (argument !== undefined) assert.ok(pins.has(argument), name);
        else assert.ok(name === 'scratch' || known.has(name) || /^base-\$\{TARGETARCH\}$/.test(name), name);
      }
      assert.equal(text.match(/@sha256:/g)?.length, pins.size);
    });

    it('copies into the image only what the build stage has settled, as one linked layer', () => {
      const copies = find(last, 'COPY').map((copy) => copy.getTextContent());
      assert.deepEqual(copies, ['COPY --link --from=build /out/root/ /']);
    });

    it('keeps what the package manager downloads', () => {
      const runs = stages.flatMap((stage) => find(stage, 'RUN')).map((run) => run.getTextContent());
      assert.ok(runs.length >= 3, 'packages of the template, of the function, and the build are steps of their own');
      for (const run of runs) assert.match(run, /--mount=type=cache,id=bantam-[\w-]+,target=\//);
    });

    it('describes the image as build.json does, with a numeric user who is not root', () => {
      const one = (keyword: string): string => {
        const found = find(last, keyword);
        assert.equal(found.length, 1, keyword);
        return found[0]?.getArgumentsContent() ?? '';
      };
      const pairs = (keyword: string): Record<string, string> =>
        Object.fromEntries(
          find(last, keyword).map((instruction) => {
            const [name = '', value = ''] = (instruction.getArgumentsContent() ?? '').split('=', 2);
            return [name, value.replaceAll('"', '')];
          }),
        );
      assert.match(image.user, /^[1-9]\d*:[1-9]\d*$/);
      assert.equal(one('USER'), image.user);
      assert.deepEqual(JSON.parse(one('ENTRYPOINT')), image.entrypoint);
      assert.deepEqual(JSON.parse(one('CMD')), image.cmd);
      assert.equal(one('WORKDIR'), image.workingDirectory);
      assert.deepEqual(
        find(last, 'EXPOSE').map((expose) => `${expose.getArgumentsContent()}/tcp`),
        image.exposedPorts,
      );
      assert.deepEqual(pairs('ENV'), image.environment);
      assert.deepEqual(pairs('LABEL'), image.labels);
    });
  });
}
