import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import * as v from 'valibot';
import { parse } from 'yaml';
import { reasonOf } from '../../bed/program.ts';
import { provideTool } from '../../bed/tools.ts';
import { temporaryFolder } from '../../e2e/program.ts';
import { skip } from '../../real-parts.ts';
import { startRegistry } from './running-registry.ts';

const resultsSchema = v.object({ apis: v.record(v.string(), v.string()), data: v.record(v.string(), v.string()) });

/** What the suite's default settings for version 1.1 leave out; docs/local-registry.md says why. Nothing is skipped. */
const leftOut = {
  apis: { 'Blob upload cancel': 'Disabled', 'Manifest put with tag params': 'Disabled' },
  data: { 'Sparse Manifests': 'Disabled', 'Tag Param': 'Disabled', 'Tag Param sha512': 'Disabled' },
};

describe("the distribution specification's own conformance suite", function () {
  this.timeout(960_000);
  let program = '';

  before(async function () {
    const work = { report: () => undefined, signal: undefined };
    const tool = await provideTool(work, 'conformance').catch((error: unknown) => skip(this, reasonOf(error)));
    program = tool.program;
  });

  /** Runs the suite and returns what in it did not pass. */
  async function run(version: string): Promise<{ readonly exitCode: number | undefined; readonly others: unknown }> {
    await using registry = await startRegistry();
    await using place = await temporaryFolder();
    const { exitCode, stdout } = await execa(program, {
      cwd: place.path,
      reject: false,
      timeout: 120_000,
      env: {
        OCI_REGISTRY: registry.host,
        OCI_TLS: 'disabled',
        OCI_VERSION: version,
        OCI_RESULTS_DIR: join(place.path, 'results'),
      },
    });
    const text = await readFile(join(place.path, 'results/results.yaml'), 'utf8').catch(() => stdout.slice(-2000));
    const results = v.parse(resultsSchema, parse(text));
    const others = (some: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(some).filter(([, status]) => status !== 'Pass'));
    assert.deepEqual(
      registry.events.filter(({ type }) => type === 'warning'),
      [],
    );
    return { exitCode, others: { apis: others(results.apis), data: others(results.data) } };
  }

  it('passes for version 1.1 with its default settings, and skips nothing', async () => {
    assert.deepEqual(await run('1.1'), { exitCode: 0, others: leftOut });
  });

  it('passes for the version after it, where what 1.1 leaves out is asked for', async () => {
    const others = { apis: {}, data: { 'Sparse Manifests': 'Disabled' } };
    assert.deepEqual(await run('1.1+dev'), { exitCode: 0, others });
  });
});
