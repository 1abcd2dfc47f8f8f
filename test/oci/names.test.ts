import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../cli/errors.ts';
import { formatPlatform, normalisePlatform, parsePlatform, samePlatform } from '../../cli/oci/platform.ts';
import { formatReference, parseReference, type Reference } from '../../cli/oci/reference.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof UserError && error.code === code;
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });

describe('platforms', () => {
  for (const [text, expected] of [
    ['linux/amd64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['arm/v6', 'linux/arm/v6'],
    ['arm64', 'linux/arm64'],
    [' AArch64 ', 'linux/arm64'],
    ['x86_64', 'linux/amd64'],
    ['armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
  ] as const) {
    it(`reads ${JSON.stringify(text)} as ${expected}`, () =>
      assert.equal(formatPlatform(parsePlatform(text)), expected));
  }

  for (const text of [
    '',
    'linux',
    'linux/',
    'windows/amd64',
    'linux/z80',
    'linux/arm/v7/x',
    'linux/arm64/v8 ; rm',
    'linux/amd64,linux/arm64',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parsePlatform(text), hasCode('BAN-E209')));
  }

  it('normalises once and for all, and reads what it writes', () => {
    const platform = fc.record({
      os: fc.constant('linux'),
      architecture: fc.constantFrom('amd64', 'arm64', 'arm', '386', 'riscv64'),
      variant: fc.constantFrom('', 'v1', 'v5', 'v6', 'v7', 'v8', '7', 'v9'),
    });
    fc.assert(
      fc.property(platform, (each) => {
        const normal = normalisePlatform(each);
        assert.deepEqual(normalisePlatform(normal), normal);
        assert.deepEqual(parsePlatform(formatPlatform(normal)), normal);
        assert.ok(samePlatform(each, normal));
      }),
    );
  });
});

describe('image references', () => {
  const digest = `sha256:${'ab'.repeat(32)}`;
  for (const [text, expected] of [
    ['hello', { registry: 'docker.io', repository: 'library/hello', tag: 'latest' }],
    ['index.docker.io/alice/hello:1', { registry: 'docker.io', repository: 'alice/hello', tag: '1' }],
    ['registry.lan:5000/a/b__c:v1.0_x', { registry: 'registry.lan:5000', repository: 'a/b__c', tag: 'v1.0_x' }],
    ['localhost/x', { registry: 'localhost', repository: 'x', tag: 'latest' }],
    ['[::1]:5000/x', { registry: '[::1]:5000', repository: 'x', tag: 'latest' }],
    [`127.0.0.1:5000/x@${digest}`, { registry: '127.0.0.1:5000', repository: 'x', digest }],
    [`ghcr.io/x/y:1@${digest}`, { registry: 'ghcr.io', repository: 'x/y', tag: '1', digest }],
  ] as const) {
    it(`reads ${text}`, () => assert.deepEqual(parseReference(text), expected));
  }

  for (const text of [
    '',
    ' ',
    'Hello',
    'a//b',
    '/a',
    'a/',
    'a:',
    'a@sha256:12',
    `a@${digest}00`,
    'a b',
    'a:b:c',
    '-x',
    'a/../b',
    `${'a'.repeat(256)}`,
    'ho_st.lan/x',
    'a\n',
  ]) {
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () =>
      assert.throws(() => parseReference(text), hasCode('BAN-E305')));
  }

  it('are read back as they were written', () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
    const component = fc.tuple(word, fc.constantFrom('.', '_', '__', '-', '--'), word).map((parts) => parts.join(''));
    const repository = fc
      .array(fc.oneof(word, component, fc.constant('library')), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join('/'));
    const registry = fc.constantFrom(
      'docker.io',
      'ghcr.io',
      'localhost',
      '192.168.1.5:5000',
      '[::1]:5000',
      'a-b.example.org',
    );
    const rest = fc.oneof(
      fc.record({ tag: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}$/) }),
      fc.record({ digest: hex(64).map((text) => `sha256:${text}`) }),
      fc.record({ tag: fc.constant('v1'), digest: hex(128).map((text) => `sha512:${text}`) }),
    );
    fc.assert(
      fc.property(registry, repository, rest, (registryName, path, named) => {
        // A name of one part means library/ on Docker Hub, so no reference to Docker Hub has one part.
        const full = registryName === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
        const reference: Reference = { registry: registryName, repository: full, ...named };
        assert.deepEqual(parseReference(formatReference(reference)), reference);
      }),
      { numRuns: 500 },
    );
  });
});
