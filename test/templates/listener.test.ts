import assert from 'node:assert/strict';
import { openListener } from '../../templates/bantam-ts/runtime/listener.ts';

describe('the listener of bantam-ts', () => {
  it('bounds the head of a call, and never the whole of it: uploads may take longer than five minutes', () => {
    const { requestTimeout, headersTimeout, keepAliveTimeout, timeout } = openListener(() => {});
    assert.deepEqual([requestTimeout, headersTimeout, keepAliveTimeout, timeout], [0, 60_000, 75_000, 0]);
  });
});
