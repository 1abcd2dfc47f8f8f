import assert from 'node:assert/strict';
import { UserError } from '../../cli/errors.ts';
import { chooseGateway, functionAddress, parseGatewayAddress } from '../../cli/openfaas/address.ts';

describe('gateway address', () => {
  const good: readonly [string, string, string][] = [
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['pi-0.lan:31112', 'http://pi-0.lan:31112', 'http://pi-0.lan:31112'],
    ['  http://Pi-0.LAN:31112///  ', 'http://pi-0.lan:31112', 'http://pi-0.lan:31112'],
    ['HTTPS://Faas.Example.org/OpenFaaS/', 'https://faas.example.org/OpenFaaS', 'https://faas.example.org/openfaas'],
    ['http://[::1]:8080/', 'http://[::1]:8080', 'http://[::1]:8080'],
    ['http://pi:80', 'http://pi', 'http://pi:80'],
    ['httpd.lan', 'http://httpd.lan', 'http://httpd.lan'],
    ['http://my_pi', 'http://my_pi', 'http://my_pi'],
  ];
  for (const [text, url, key] of good) {
    it(`reads ${JSON.stringify(text)}`, () =>
      assert.deepEqual(parseGatewayAddress(text), { url, key, login: undefined }));
  }

  it('takes a login out of the address, and keeps it out of url and key', () => {
    assert.deepEqual(parseGatewayAddress('http://admin:p%40ss%@Pi:8080/x'), {
      url: 'http://pi:8080/x',
      key: 'http://pi:8080/x',
      login: { user: 'admin', password: 'p%40ss%' },
    });
    assert.deepEqual(parseGatewayAddress('http://admin:p%40ss@pi'), {
      url: 'http://pi',
      key: 'http://pi',
      login: { user: 'admin', password: 'p@ss' },
    });
  });

  for (const text of [
    '',
    '   ',
    'http://',
    'http:///x',
    'ftp://pi',
    'http://pi:99999',
    'http://pi:0',
    'http://pi:x',
    'http://p i',
    'http://pi/?a=b',
    'http://pi/#x',
    'http://pi\\x',
    'http://http://pi',
    'http:pi',
    '::1',
    '/var/run/x',
    '<gateway>',
  ]) {
    it(`rejects ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseGatewayAddress(text),
        (error) =>
          error instanceof UserError && error.code === 'BAN-E406' && /http:\/\/host:port/.test(error.hint ?? ''),
      );
    });
  }

  it('does not show a password in its errors', () => {
    for (const text of ['http://admin:hidden@pi:99999', 'admin:hidden@pi:99999'])
      assert.throws(
        () => parseGatewayAddress(text),
        (error) => error instanceof UserError && !error.message.includes('hidden'),
      );
  });

  // docs/settings.md has the same table.
  const own = 'http://127.0.0.1:8080';
  for (const [what, flag, target, stack, environment, expected] of [
    ['everything: the flag', 'http://a', 'http://t', 'http://b', 'http://c', 'flag http://a'],
    ['no flag: the target', undefined, 'http://t', 'http://b', 'http://c', 'target http://t (pi)'],
    ['a target without gateway: the stack file', undefined, null, 'http://b', 'http://c', 'stack http://b'],
    ['no target: the stack file', undefined, undefined, 'http://b', 'http://c', 'stack http://b'],
    ['blanks are nothing', '', undefined, ' ', 'http://c', 'environment http://c'],
    ['what faas-cli new writes does not win', undefined, undefined, `${own}/`, 'http://c', 'environment http://c'],
    ['… in a target it is meant', undefined, own, 'http://b', 'http://c', `target ${own} (pi)`],
    ['… in the flag, too', '127.0.0.1:8080', 'http://t', 'http://b', 'http://c', `flag ${own}`],
    ['only what faas-cli new writes', undefined, undefined, own, undefined, `stack ${own}`],
    ['nothing at all', undefined, undefined, undefined, undefined, `default ${own}`],
    ['the flag spells the target’s own', 'HTTP://T/', 'http://t', undefined, undefined, 'flag http://t (pi)'],
    ['a broken target beside a flag', 'http://a', 'ftp://x', undefined, undefined, 'flag http://a'],
  ] as const) {
    it(`is chosen: ${what}`, () => {
      const choices = { flag, stack, environment };
      const chosen = chooseGateway(
        target === undefined ? choices : { ...choices, target: { name: 'pi', gateway: target ?? undefined } },
      );
      const { url, source, target: whose } = chosen;
      assert.equal(`${source} ${url}${whose === undefined ? '' : ` (${whose})`}`, expected);
    });
  }

  it('names the source of a bad address', () => {
    assert.throws(() => chooseGateway({ stack: 'ftp://x' }), /provider\.gateway of the stack file: "ftp:\/\/x"/);
    assert.throws(() => chooseGateway({ environment: 'a b' }), /OPENFAAS_URL/);
    assert.throws(
      () => chooseGateway({ target: { name: 'pi', gateway: 'ftp://x' } }),
      /x-bantam\.targets\.pi\.gateway of the stack file: "ftp:\/\/x"/,
    );
  });

  it('makes the addresses of functions', () => {
    assert.equal(functionAddress('http://pi', { name: 'hello' }), 'http://pi/function/hello');
    assert.equal(
      functionAddress('http://pi', { name: 'hello', namespace: 'dev', path: '?a=1' }),
      'http://pi/function/hello.dev?a=1',
    );
    assert.equal(
      functionAddress('http://pi/x', { name: 'a/../b', path: 'items', asynchronous: true }),
      'http://pi/x/async-function/a%2F..%2Fb/items',
    );
  });
});
