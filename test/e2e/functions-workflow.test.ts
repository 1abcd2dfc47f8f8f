import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import * as v from 'valibot';
import { parse } from 'yaml';
import { needParts } from '../real-parts.ts';
import { root } from './program.ts';

const workflowSchema = v.object({
  jobs: v.record(
    v.string(),
    v.object({
      strategy: v.optional(v.object({ matrix: v.object({ include: v.array(v.record(v.string(), v.string())) }) })),
      steps: v.array(v.object({ run: v.optional(v.string()) })),
    }),
  ),
});

/** The commands of .github/workflows/functions.yml, each with the values of every row of its job's matrix. */
async function readCommands(): Promise<readonly { readonly job: string; readonly command: string }[]> {
  const { jobs } = v.parse(
    workflowSchema,
    parse(await readFile(join(root, '.github/workflows/functions.yml'), 'utf8')),
  );
  return Object.entries(jobs).flatMap(([job, { strategy, steps }]) =>
    (strategy?.matrix.include ?? [{}]).flatMap((row: Readonly<Record<string, string>>) =>
      steps.flatMap(({ run }) =>
        run === undefined
          ? []
          : [{ job, command: run.replace(/\$\{\{ matrix\.(\w+) \}\}/g, (_, name: string) => row[name] ?? '') }],
      ),
    ),
  );
}

describe('the commands of the workflow that builds the functions', function () {
  this.timeout(600_000);

  it('are npm scripts and nothing else, and try arm64 and arm/v7', async () => {
    const commands = await readCommands();
    assert.deepEqual(
      commands.map(({ job, command }) => [job, command]),
      [
        ['build', 'npm run functions:build -- --build-cache gha'],
        ['smoke', 'npm run functions:smoke -- --platform linux/arm64 --build-cache gha'],
        ['smoke', 'npm run functions:smoke -- --platform linux/arm/v7 --build-cache gha'],
        ['push', 'npm run functions:push -- --build-cache gha'],
      ],
    );
  });

  it('work, with the registry and the engine of the bed', async function () {
    const bed = await needParts(
      this,
      'engine',
      'buildx',
      'registry',
      'bases',
      'emulation-arm64',
      'emulation-arm',
      'crane',
    );
    const registry = bed.registry ?? assert.fail('the bed has no registry');
    const home = await mkdtemp(join(tmpdir(), 'bantam-functions-'));
    // With a capital, as an owner's name on GitHub may have one.
    const owner = `Functions-${randomBytes(4).toString('hex')}`;
    try {
      for (const { command } of await readCommands()) {
        const [program = '', ...argv] = command.split(' ');
        const ran = await execa(program, argv, {
          cwd: root,
          env: { HOME: home, XDG_CACHE_HOME: undefined, OPENFAAS_PREFIX: `${registry}/${owner}`, CI: 'true' },
          all: true,
          reject: false,
          timeout: 500_000,
        });
        const all = ran.all ?? '';
        assert.equal(ran.exitCode, 0, `${command}\n${all}`);
        if (command.includes('smoke'))
          assert.match(all, /^arch-check\tlinux\/arm\S*\tok\t[\s\S]*^node-info\tlinux\/arm\S*\tok\t/m, command);
      }
      for (const name of ['arch-check', 'node-info']) {
        const read = await execa('crane', ['manifest', `${registry}/${owner.toLowerCase()}/${name}:latest`]);
        assert.deepEqual(
          (
            JSON.parse(read.stdout) as { manifests: { platform: { architecture: string; variant?: string } }[] }
          ).manifests
            .map(({ platform }) => `${platform.architecture}${platform.variant ?? ''}`)
            .sort(),
          ['amd64', 'arm64', 'armv7'],
        );
      }
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});
