import assert from 'node:assert/strict';
import { test } from 'node:test';
import handle from './handler.ts';

// What this handler may use of it.
const context = {
  callId: 'test',
  signal: new AbortController().signal,
  secret: async (name) => `secret ${name}`,
  log: () => {},
} as Partial<Context> as Context;

test('greets whom the body names', async () => {
  const request = new Request('http://localhost/', { method: 'POST', body: JSON.stringify({ name: 'Pi' }) });
  const response = await handle(request, context);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { message: 'Hello, Pi!' });
});

test('greets the world when nobody is named', async () => {
  const response = await handle(new Request('http://localhost/'), context);
  assert.deepEqual(await response.json(), { message: 'Hello, world!' });
});
