import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { skip } from '../real-parts.ts';
import { bundle, compile, hasGo, makeContext, removeTemporaryFolders, run } from '../templates/build-context.ts';
import { ask } from './answer.ts';
import { calls } from './calls.ts';
import { difference } from './expected.ts';
import { type Inside, startInside, whyNotInside } from './inside.ts';
import { changeLang, folder, type MovedFunction, readFunctions } from './moved-function.ts';
import { readRecording } from './recording.ts';
import { secrets } from './secrets.ts';
import { startStation } from './station.ts';

const imageSchema = v.object({
  image: v.object({
    entrypoint: v.array(v.string()),
    workingDirectory: v.string(),
    environment: v.record(v.string(), v.string()),
  }),
});

/** Builds a function with our template in the place of its own, as the Dockerfile does; nothing in its folder changes. */
async function build(moved: MovedFunction): Promise<{ context: string; root: string }> {
  const context = await makeContext(moved.template);
  await rm(join(context, 'function'), { recursive: true });
  await cp(moved.handler, join(context, 'function'), { recursive: true });
  if (moved.template === 'bantam-ts') {
    const { code, output } = await run(process.execPath, ['build.mjs', 'install'], { cwd: context });
    assert.equal(code, 0, output);
  }
  const { code, output, root } = moved.template === 'bantam-ts' ? await bundle(context) : await compile(context);
  assert.equal(code, 0, output);
  return { context, root };
}

/** Starts what was built at the paths that it has in its image. */
async function start(moved: MovedFunction, station: string): Promise<Inside> {
  const { context, root } = await build(moved);
  const { image } = v.parse(imageSchema, JSON.parse(await readFile(join(context, 'build.json'), 'utf8')));
  const entries = (await readdir(root)).filter((name) => name !== 'tmp');
  return await startInside({
    mounts: Object.fromEntries(entries.map((name) => [`/${name}`, join(root, name)])),
    secrets: Object.fromEntries(moved.secrets.map((name) => [name, secrets[name] ?? ''])),
    command: image.entrypoint,
    workingDirectory: image.workingDirectory,
    environment: {
      ...image.environment,
      port: '0',
      metrics_port: '0',
      BANTAM_HOST: '127.0.0.1',
      weather_url: station,
      ...moved.environment,
    },
  });
}

describe('functions written for the official templates', function () {
  this.timeout(120_000);
  let station: Awaited<ReturnType<typeof startStation>> | undefined;

  before(async function () {
    const reason = whyNotInside();
    if (reason !== undefined) skip(this, reason);
    station = await startStation();
  });

  after(async () => {
    await station?.[Symbol.asyncDispose]();
    await removeTemporaryFolders();
  });

  it('are moved by a change of lang and nothing else', async () => {
    const stack = await readFile(join(folder, 'stack.yml'), 'utf8');
    const lines = stack.split('\n');
    const changed = changeLang(stack).split('\n');
    const different = lines.flatMap((line, index) => (line === changed[index] ? [] : [[line, changed[index]]]));
    assert.equal(different.length, readFunctions().length);
    for (const [before, after] of different)
      assert.match(
        `${before} → ${after}`,
        /^ {4}lang: (node\d\d → {5}lang: bantam-ts|golang-\w+ → {5}lang: bantam-go)$/,
      );
  });

  for (const moved of readFunctions()) {
    it(`${moved.name} (${moved.lang}) answers the same as ${moved.template}`, async function () {
      if (moved.template === 'bantam-go' && !hasGo) skip(this, 'no Go compiler here');
      await compare(moved);
    });
  }

  for (const moved of readFunctions().filter(({ lang }) => lang === 'node22')) {
    it(`${moved.name} answers the same to the letter with node_template: node22`, async () => {
      await compare({ ...moved, environment: { ...moved.environment, node_template: 'node22' } });
    });
  }

  async function compare(moved: MovedFunction): Promise<void> {
    assert.ok(station);
    const recording = await readRecording(moved.name);
    await using inside = await start(moved, station.url);
    const [, port] = await inside.waitFor(/listening on port (\d+)/);
    const found: string[] = [];
    for (const call of calls[moved.name] ?? []) {
      const line = await ask(`http://127.0.0.1:${port}`, call).then(
        (answer) => difference(call, recording, answer, moved.environment['node_template']),
        (error: Error) => `${call.title}: ${error.message}`,
      );
      found.push(line ?? '');
    }
    const different = found.filter((line) => line !== '');
    if (different.length > 0) assert.fail(`${different.join('\n')}\n\nits log:\n${inside.output()}`);
    assert.equal(inside.child.exitCode, null, inside.output());
  }
});
