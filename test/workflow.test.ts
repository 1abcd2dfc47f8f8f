import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import * as v from 'valibot';
import { parse } from 'yaml';
import { needParts } from './real-parts.ts';

const folder = fileURLToPath(new URL('../.github/workflows', import.meta.url));

const permissions = v.union([v.string(), v.record(v.string(), v.string())]);
const workflowSchema = v.object({
  permissions,
  jobs: v.record(
    v.string(),
    v.object({
      permissions: v.optional(permissions),
      if: v.optional(v.string()),
      'timeout-minutes': v.number('every job is bounded'),
      steps: v.array(
        v.object({
          uses: v.optional(v.string()),
          run: v.optional(v.string()),
          with: v.optional(v.record(v.string(), v.unknown())),
        }),
      ),
    }),
  ),
});

describe('the workflows on GitHub', () => {
  it('satisfy actionlint', async function () {
    await needParts(this, 'actionlint');
    const files = (await workflows()).map(({ file }) => join(folder, file));
    const { exitCode, all } = await execa('actionlint', ['-no-color', '-shellcheck=', '-pyflakes=', ...files], {
      all: true,
      reject: false,
    });
    assert.equal(exitCode, 0, all);
  });

  it('pin each action by commit, and say which version that is', async () => {
    for (const { file, text } of await workflows()) {
      const lines = text.split('\n').filter((line) => /^\s*-?\s*uses:/.test(line));
      assert.ok(lines.length > 0, file);
      for (const line of lines) assert.match(line, /uses: [\w-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, file);
    }
  });

  it('may read the repository and nothing else, one job of main aside, keep no token, and are bounded', async () => {
    for (const { file, text } of await workflows()) {
      const workflow = v.parse(workflowSchema, parse(text));
      assert.deepEqual(workflow.permissions, { contents: 'read' }, file);
      for (const [name, job] of Object.entries(workflow.jobs)) {
        const asked = `${file}: ${name} asks for more`;
        if (`${file} ${name}` === 'functions.yml push') {
          assert.deepEqual(job.permissions, { contents: 'read', packages: 'write' }, asked);
          // A pull request is anybody's code.
          assert.equal(job.if, "github.event_name == 'push' && github.ref == 'refs/heads/main'");
        } else assert.equal(job.permissions, undefined, asked);
        for (const step of job.steps.filter(({ uses }) => uses?.startsWith('actions/checkout@')))
          assert.equal(step.with?.['persist-credentials'], false, `${file}: ${name}`);
      }
      assert.doesNotMatch(text, /pull_request_target|secrets\./, file);
    }
  });

  it('of the functions log in to a registry only where they may push', async () => {
    const [functions] = (await workflows()).filter(({ file }) => file === 'functions.yml');
    assert.ok(functions);
    for (const [name, { steps }] of Object.entries(v.parse(workflowSchema, parse(functions.text)).jobs))
      assert.equal(
        steps.some(({ uses }) => uses?.startsWith('docker/login-action@')),
        name === 'push',
        name,
      );
  });

  it('run what .ci/run runs', async () => {
    const [ci] = (await workflows()).filter(({ file }) => file === 'ci.yml');
    assert.ok(ci);
    const { jobs } = v.parse(workflowSchema, parse(ci.text));
    assert.ok(Object.values(jobs).some(({ steps }) => steps.some(({ run }) => run === '.ci/run')));
    const script = await readFile(join(folder, '../../.ci/run'), 'utf8');
    assert.match(script, /^exec npm test --silent$/m);
  });
});

async function workflows(): Promise<readonly { readonly file: string; readonly text: string }[]> {
  const names = (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name));
  assert.ok(names.length > 0);
  return await Promise.all(names.map(async (file) => ({ file, text: await readFile(join(folder, file), 'utf8') })));
}
