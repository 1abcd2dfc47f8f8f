import assert from 'node:assert/strict';
import { decodeStack } from '../../cli/stack/decode.ts';

const stackOf = (second: string): string =>
  `version: 1.0\nprovider:\n  name: openfaas\nfunctions:\n  one:\n    lang: bantam-ts\n    handler: ./one\n    image: registry.lan/x:1\n  two:\n${second}`;

describe('functions of one image', () => {
  for (const [what, second, clashes] of [
    ['another folder', '    lang: bantam-ts\n    handler: ./two\n    image: registry.lan/x:1\n', true],
    ['another template', '    lang: bantam-go\n    handler: ./one\n    image: registry.lan/x:1\n', true],
    ['the same sources', '    lang: bantam-ts\n    handler: ./one\n    image: registry.lan/x:1\n', false],
    ['another tag', '    lang: bantam-ts\n    handler: ./two\n    image: registry.lan/x:2\n', false],
    ['an image that is not built here', '    skip_build: true\n    image: registry.lan/x:1\n', false],
  ] as const) {
    it(`${clashes ? 'are refused' : 'are fine'} when the second has ${what}`, () => {
      const { problems } = decodeStack(stackOf(second), '/project/stack.yml', {});
      assert.deepEqual(
        problems.map(({ line, path }) => [line, path]),
        clashes ? [[12, 'functions.two.image']] : [],
      );
    });
  }

  it('are one image however it is spelled', () => {
    const { problems } = decodeStack(
      stackOf('    lang: bantam-ts\n    handler: ./two\n    image: registry.lan/x:1\n')
        .replaceAll('registry.lan/x:1\n  two', 'x\n  two')
        .replace(/image: registry.lan\/x:1\n$/, 'image: docker.io/library/x:latest\n'),
      '/project/stack.yml',
      {},
    );
    assert.equal(problems.length, 1);
  });
});
