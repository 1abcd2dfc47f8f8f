import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describeLostCache, explainFailedBuild } from '../../cli/build/explain.ts';
import type { BuildPlan } from '../../cli/build/plan.ts';
import { BuildLog } from '../../cli/build/progress.ts';
import { examplePlan } from './example-plan.ts';

/** Explains a failure recorded from docker buildx 0.29. */
async function explain(name: string, plan: Partial<BuildPlan> = {}) {
  const log = new BuildLog();
  const text = await readFile(new URL(`recorded/${name}.log`, import.meta.url), 'utf8');
  for (const line of text.split('\n')) log.read(line);
  return explainFailedBuild(examplePlan(plan), {
    missing: false,
    exitCode: 1,
    text: log.plain,
    steps: log.failed(),
  });
}

const said = (text: string) =>
  explainFailedBuild(examplePlan(), { missing: false, exitCode: 1, text: `${text}\n`, steps: [] });

describe('the explanation of a failed build', () => {
  it('shows the message of the TypeScript compiler with the line in the user’s folder', async () => {
    const { code, details } = await explain('compile-ts');
    assert.equal(code, 'BAN-E207');
    assert.ok(
      details.some((line) => /^\/home\/me\/my ü\/hello\/handler\.ts:3:\d+: error: /.test(line)),
      details.join('\n'),
    );
  });

  it('shows the messages of the Go compiler, each once', async () => {
    const { code, details } = await explain('compile-go');
    assert.equal(code, 'BAN-E207');
    assert.equal(
      details.filter((line) => line === '/home/me/my ü/hello/handler.go:8:10: undefined: undefinedThing').length,
      1,
    );
    assert.ok(details.some((line) => line.startsWith('/home/me/my ü/hello/handler.go:9:14: ')));
  });

  for (const [name, base, words] of [
    ['nobase', 'docker.io/library/nothing-here:9', /no such host/],
    ['downbase', '127.0.0.1:1/absent/base:1', /connection refused/],
  ] as const)
    it(`names a base image that cannot be read (${name})`, async () => {
      const { code, message, details, hint } = await explain(name);
      assert.equal(code, 'BAN-E210');
      assert.equal(message, `the base image ${base} cannot be read`);
      assert.match(details.join('\n'), words);
      assert.match(hint ?? '', /--build-context/);
    });

  it('says that a base image lacks a platform', async () => {
    const { code, message, hint } = await explain('noplatform');
    assert.equal(code, 'BAN-E210');
    assert.match(message, /^the base image \S+ is not there for every platform/);
    assert.match(hint ?? '', /--platform/);
  });

  it('names the platforms and the line of the Dockerfile when emulation is missing', async () => {
    const targetRuns = [
      { line: 3, text: 'run echo "no emulation here"' },
      { line: 7, text: 'RUN more' },
    ];
    const { code, message, details } = await explain('foreign', { targetRuns });
    assert.equal(code, 'BAN-E205');
    assert.match(message, /linux\/arm64, linux\/arm\/v7|linux\/arm\/v7, linux\/arm64/);
    assert.deepEqual(details, ['Dockerfile:3  run echo "no emulation here"', 'Dockerfile:7  RUN more']);
  });

  it('finds the line in a stage of a fixed platform, too', async () => {
    const { code, message, details } = await explain('fixed');
    assert.equal(code, 'BAN-E205');
    assert.match(message, /linux\/arm64/);
    assert.deepEqual(details, ['Dockerfile:2  RUN echo fixed > /x']);
  });

  it('shows the instruction and the end of its output when a command fails', async () => {
    const { code, message, details } = await explain('fail');
    assert.equal(code, 'BAN-E206');
    assert.match(message, /exit 1/);
    assert.match(details[0] ?? '', /^Dockerfile:3 {2}RUN echo "Umlaut ü before"/);
    assert.ok(details.includes('to-stderr') && details.includes('Umlaut ü before'), details.join('\n'));
  });

  it('shows a missing file and a misspelt instruction', async () => {
    const copy = await explain('nocopy');
    assert.equal(copy.code, 'BAN-E206');
    assert.match(copy.details.join('\n'), /Dockerfile:2 {2}COPY missing\.txt[\s\S]*"\/missing\.txt": not found/);
    const syntax = await explain('syntax');
    assert.equal(syntax.code, 'BAN-E206');
    assert.match(syntax.details.join('\n'), /Dockerfile:2[\s\S]*did you mean COPY/);
  });

  it('is not led astray by what a command prints, or by the Dockerfile’s own words', async () => {
    const { code, details } = await explain('liar');
    assert.equal(code, 'BAN-E206', details.join('\n'));
  });

  it('knows docker’s own troubles', async () => {
    assert.equal((await explain('noengine')).code, 'BAN-E202');
    assert.equal(
      explainFailedBuild(examplePlan(), { missing: true, exitCode: undefined, text: '', steps: [] }).code,
      'BAN-E201',
    );
    assert.equal(said('docker: unknown command: docker buildx').code, 'BAN-E203');
    assert.equal(said("docker: 'buildx' is not a docker command.").code, 'BAN-E203');
    assert.equal(said('ERROR: Multi-platform build is not supported for the docker driver.').code, 'BAN-E204');
    const denied = said('ERROR: permission denied while trying to connect to the Docker daemon socket at unix:///x');
    assert.equal(denied.code, 'BAN-E202');
    assert.match(denied.hint ?? '', /docker group/);
  });

  it('says that a registry of a base image refuses', () => {
    const { code, hint } = said(
      'ERROR: failed to build: failed to solve: r.lan/base:1: failed to resolve source metadata for r.lan/base:1: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    );
    assert.equal(code, 'BAN-E210');
    assert.match(hint ?? '', /docker login/);
  });

  it('names the builder that is not there, and the ways to a cache that the builder cannot keep', () => {
    const builder = said('ERROR: no builder "pis" found');
    assert.equal(builder.code, 'BAN-E219');
    assert.match(builder.message, /no builder "pis"/);
    assert.match(builder.hint ?? '', /docker buildx ls/);
    // docker buildx 0.29 with an engine that keeps images the old way.
    const driver = said(
      'ERROR: failed to build: Cache export is not supported for the docker driver.\nSwitch to a different driver, or turn on the containerd image store, and try again.',
    );
    assert.equal(driver.code, 'BAN-E214');
    assert.match(driver.hint ?? '', /--own-builder or --builder NAME.*containerd image store/);
    for (const text of ['unknown cache exporter: "s4"', 'registry cache exporter requires ref']) {
      const wrong = said(`ERROR: failed to build: failed to solve: ${text}`);
      assert.equal(wrong.code, 'BAN-E214');
      assert.ok(wrong.message.includes(text), wrong.message);
    }
  });

  it('tells a cache that cannot be written from a base image that cannot be read', () => {
    const error =
      'error writing layer blob: failed to do request: Head "https://127.0.0.1:1/v2/x/blobs/sha256:44": dial tcp 127.0.0.1:1: connect: connection refused';
    const failed = {
      missing: false,
      exitCode: 1,
      text: `ERROR: failed to build: failed to solve: ${error}\n`,
      steps: [{ name: 'exporting cache to registry', error, output: '' }],
    };
    const { code, message, details } = explainFailedBuild(examplePlan(), failed);
    assert.equal(code, 'BAN-E214');
    assert.match(message, /the cache cannot be written: exporting cache to registry/);
    assert.match(details.join('\n'), /connection refused/);
    assert.match(describeLostCache(failed.steps) ?? '', /not written \(exporting cache to registry\): error writing/);
    assert.equal(describeLostCache([{ name: 'importing cache manifest', error: 'x', output: '' }]), undefined);
  });
});
