import assert from 'node:assert/strict';
import { bundle, makeContext, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, type ReplicaProcess, startReplica } from '../replica-process.ts';

const handler = `import { Hono } from 'hono';

const app = new Hono<{ Bindings: Context; Variables: { began: string } }>();
app.use(async (c, next) => {
  c.set('began', c.req.path);
  await next();
  c.header('X-Seen', c.get('began') + ' ' + c.res.status);
});
app.use('/private/*', async (c, next) => {
  if (c.req.header('authorization') !== 'Bearer yes') return c.json({ error: 'who are you?' }, 401);
  return next();
});
app.get('/private/door', (c) => c.text('open'));
app.get('/items/:id/parts/:part{[0-9]+}', (c) => c.json({ ...c.req.param(), q: c.req.query('q'), call: c.env.callId }));
app.post('/items/:id', async (c) => c.json({ id: c.req.param('id'), got: await c.req.json() }, 201));
app.onError((error, c) => c.json({ error: error.message }, 500));
app.get('/throws', () => {
  throw new Error('no luck');
});
export default app;
`;

describe('bantam-ts, a Hono app as the default export', function () {
  this.timeout(60_000);
  let replica: ReplicaProcess;
  const ask = (path: string, init?: RequestInit) =>
    fetch(`${replica.url}${path}`, { ...init, signal: AbortSignal.timeout(10_000) });

  before(async () => {
    const built = await bundle(await makeContext('bantam-ts', { 'handler.ts': handler }));
    assert.equal(built.code, 0, built.output);
    replica = await startReplica(built.root, 'ts');
  });
  after(async () => {
    await endReplicas();
    await removeTemporaryFolders();
  });

  it('has parameters of the path, the query and the context', async () => {
    const response = await ask('/items/a%20b/parts/7?q=%C3%BC', { headers: { 'X-Call-Id': 'call-1' } });
    assert.deepEqual(await response.json(), { id: 'a b', part: '7', q: 'ü', call: 'call-1' });
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
    assert.equal(response.headers.get('x-seen'), '/items/a b/parts/7 200');
    assert.equal((await ask('/items/1/parts/x')).status, 404);
  });

  it('reads and writes JSON', async () => {
    const response = await ask('/items/7', { method: 'POST', body: '{"a":[1,null]}' });
    assert.equal(response.status, 201);
    assert.deepEqual(await response.json(), { id: '7', got: { a: [1, null] } });
  });

  it('has middleware that answers itself, or goes on', async () => {
    const refused = await ask('/private/door');
    assert.deepEqual([refused.status, await refused.json()], [401, { error: 'who are you?' }]);
    assert.equal(refused.headers.get('x-seen'), '/private/door 401');
    const open = await ask('/private/door', { headers: { Authorization: 'Bearer yes' } });
    assert.deepEqual([open.status, await open.text()], [200, 'open']);
  });

  it('answers for its errors', async () => {
    const response = await ask('/throws');
    assert.deepEqual([response.status, await response.json()], [500, { error: 'no luck' }]);
    assert.ok(response.headers.get('x-bantam-replica'));
  });
});
