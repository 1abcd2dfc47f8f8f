import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serveEvents } from '../../../templates/bantam-ts/runtime/event/serve-event.ts';
import { readEventSettings } from '../../../templates/bantam-ts/runtime/event/settings.ts';
import { readSettings } from '../../../templates/bantam-ts/runtime/settings.ts';
import { bundle, makeContext, removeTemporaryFolders, run, templates } from '../build-context.ts';
import { endReplicas, type ReplicaProcess, startReplica } from '../replica-process.ts';
import { exchange } from './exchange.ts';

// What the README says of the official templates beyond single answers: those are in differences.ts.

const handler = `module.exports = (event, context, callback) => {
  if (event.path === '/twice') {
    context.succeed('first');
    context.succeed('second');
  } else if (event.path === '/error') {
    context.succeed('first');
    throw new Error('too late');
  } else if (event.path === '/later') {
    setTimeout(() => callback(undefined, 'second'), 1);
    return Promise.resolve('first');
  } else if (event.path === '/ready') {
    return Promise.resolve(event.method + event.query.a);
  } else return Promise.resolve(event.path);
};
`;

describe('what a function of the official Node templates does beyond one answer', function () {
  this.timeout(60_000);
  let replica: ReplicaProcess;
  const ask = (path: string) => exchange(Number(new URL(replica.url).port), { path });

  before(async () => {
    const built = await bundle(await makeContext('bantam-ts', { 'package.json': '{}', 'handler.js': handler }));
    assert.equal(built.code, 0, built.output);
    replica = await startReplica(built.root, 'ts', { ready_path: '/ready?a=1' });
  });
  after(async () => {
    await endReplicas();
    await removeTemporaryFolders();
  });

  for (const [path, line] of [
    ['/twice', 'answered once more: only its first answer counts'],
    ['/error', 'failed after it had answered: Error: too late'],
    ['/later', 'answered once more: only its first answer counts'],
  ] as const) {
    it(`${path}: a line in the log, and the process lives`, async () => {
      const headers = { 'X-Call-Id': `call-of-${path.slice(1)}` };
      const response = await fetch(replica.url + path, { headers, signal: AbortSignal.timeout(10_000) });
      assert.deepEqual([response.status, await response.text()], [200, 'first']);
      await replica.waitForLine(new RegExp(`${headers['X-Call-Id']}.*${line}`));
      const next = await ask('/next');
      assert.ok(next !== 'no answer' && next.body === '/next');
    });
  }

  it('a backslash in a path is refused: no URL has one', async () => {
    const answer = await ask('/a\\b');
    assert.ok(answer !== 'no answer');
    assert.equal(answer.status, 400);
  });

  it('ready_path is what the handler sees when it is asked whether it is ready', async () => {
    const answer = await ask('/_/ready');
    assert.ok(answer !== 'no answer');
    assert.deepEqual([answer.status, answer.body], [200, 'OK\n']);
  });
});

it('a Request without a call is an event as well: a unit test may make one', async () => {
  const serve = serveEvents(async (event) => event, readEventSettings({}));
  const request = new Request('http://localhost/a/b?c=1', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"d":2}',
  });
  const context = {
    callId: 'test',
    signal: new AbortController().signal,
    secret: async () => '',
    log: () => {},
    setTrailer: () => {},
    upgradeWebSocket: () => assert.fail(),
  };
  const response = await serve(request, context);
  assert.ok(response instanceof Response);
  assert.deepEqual(await response.json(), {
    body: { d: 2 },
    headers: { 'content-type': 'application/json' },
    method: 'POST',
    query: { c: '1' },
    path: '/a/b',
  });
});

describe('a function of the official Node templates in the build', function () {
  this.timeout(60_000);
  after(removeTemporaryFolders);

  const files = {
    'package.json': JSON.stringify({
      scripts: { test: 'touch tested' },
      dependencies: { used: 'file:./used' },
      devDependencies: { tool: 'file:./tool' },
    }),
    'used/package.json': '{"name":"used","version":"1.0.0"}',
    'used/index.js': 'module.exports = "used";\n',
    'tool/package.json': '{"name":"tool","version":"1.0.0"}',
    'tool/index.js': 'module.exports = "tool";\n',
  };

  it('devDependencies are not there: the build says which import leads nowhere', async () => {
    const handler = 'const tool = require("tool");\nmodule.exports = async () => tool;\n';
    const built = await bundle(await makeContext('bantam-ts', { ...files, 'handler.js': handler }));
    assert.notEqual(built.code, 0);
    assert.match(built.output, /handler\.js:1:\d+: error: .*"tool"/);
  });

  it('npm test is not run', async () => {
    const handler = 'const used = require("used");\nmodule.exports = async () => used;\n';
    const context = await makeContext('bantam-ts', { ...files, 'handler.js': handler });
    assert.equal((await run(process.execPath, ['build.mjs', 'install'], { cwd: context })).code, 0);
    const built = await bundle(context);
    assert.equal(built.code, 0, built.output);
    await assert.rejects(readFile(join(context, 'function/tested')), { code: 'ENOENT' });
    assert.doesNotMatch(await readFile(join(templates, 'bantam-ts/Dockerfile'), 'utf8'), /npm (run )?test/);
  });
});

it('no time limit until one is asked for', () => {
  const { execTimeout, readTimeout, writeTimeout } = readSettings({}, 'pod-1');
  assert.deepEqual([execTimeout, readTimeout, writeTimeout], [0, 0, 0]);
});
