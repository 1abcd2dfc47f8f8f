import assert from 'node:assert/strict';
import { bundle, makeContext, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, startReplica } from '../replica-process.ts';

const handler = `export default async function (request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === '/log') for (let line = 0; line < 100; line += 1) console.log('a line', line), console.error('another');
  if (pathname === '/throw') throw new Error('no luck');
  return new Response(pathname);
}
`;

describe('bantam-ts whose log nobody reads any more', function () {
  this.timeout(60_000);
  let root = '';

  before(async () => {
    const built = await bundle(await makeContext('bantam-ts', { 'handler.ts': handler }));
    assert.equal(built.code, 0, built.output);
    root = built.root;
  });
  afterEach(endReplicas);
  after(removeTemporaryFolders);

  for (const log_format of ['text', 'json']) {
    it(`goes on answering, and ends when it is asked to (${log_format})`, async () => {
      const replica = await startReplica(root, 'ts', { log_format, healthcheck_interval: '0s' });
      const { url, child } = replica;
      child.stdout?.destroy();
      child.stderr?.destroy();
      for (const [path, status] of [
        ['/log', 200],
        ['/throw', 500],
        ['/after', 200],
      ] as const) {
        const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000) });
        assert.equal(response.status, status, path);
        await response.text();
      }
      child.kill('SIGTERM');
      assert.equal(await replica.ended, 0);
    });
  }
});
