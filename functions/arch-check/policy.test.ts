import assert from 'node:assert/strict';
import { test } from 'node:test';
import { originOf, requireAllowed } from './policy.ts';
import { formatReference, parseReference } from './reference.ts';

test('references are read as Docker reads them', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  for (const [text, full] of [
    ['alpine', 'docker.io/library/alpine:latest'],
    ['user/name:1.0', 'docker.io/user/name:1.0'],
    ['registry:5000/name', 'registry:5000/name:latest'],
    ['localhost/name:x', 'localhost/name:x'],
    ['10.0.0.2:5000/a/b-c:x', '10.0.0.2:5000/a/b-c:x'],
    [`ghcr.io/a/b:1@${digest}`, `ghcr.io/a/b@${digest}`],
  ] as const) {
    assert.equal(formatReference(parseReference(text)), full);
  }
  for (const text of [
    '',
    ' ',
    'A',
    'a b',
    'a:',
    'http://a.b/c',
    'a.b/',
    'a.b/../c',
    'a@sha256:1',
    'user@host/a',
    'a'.repeat(600),
  ]) {
    assert.throws(() => parseReference(text), { code: 'bad-reference' }, text);
  }
});

test('plain http in the local network only', () => {
  for (const host of [
    '127.0.0.1:5000',
    '10.1.2.3',
    '172.16.0.1:5000',
    '172.31.9.9',
    '192.168.1.4',
    'pi.local:5000',
    'registry:5000',
    'registry.lan',
  ]) {
    assert.equal(originOf(host), `http://${host}`);
  }
  for (const host of ['ghcr.io', '172.32.0.1', '11.0.0.1', 'local.example.com', '193.168.0.1']) {
    assert.equal(originOf(host), `https://${host}`);
  }
  assert.equal(originOf('docker.io'), 'https://registry-1.docker.io');
});

test('well-known registries may be asked without a list, the local network only with one', () => {
  requireAllowed('docker.io', undefined);
  requireAllowed('registry.lan:5000', 'ghcr.io,registry.lan:5000');
  assert.throws(() => requireAllowed('registry.lan:5000', undefined), { code: 'registry-not-allowed' });
  assert.throws(() => requireAllowed('169.254.169.254', ''), { code: 'registry-not-allowed' });
});
