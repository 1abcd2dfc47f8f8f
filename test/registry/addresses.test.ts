import assert from 'node:assert/strict';
import { parseChallenges } from '../../cli/registry/challenge.ts';
import { endpointOf, parseRegistryNames } from '../../cli/registry/endpoint.ts';

describe('the address of a registry', () => {
  const insecure = parseRegistryNames('reg.lan, pi-0:5000, both.lan\n');
  const secure = parseRegistryNames('192.168.1.6,pi-1.local:5000 both.lan');
  for (const [registry, origin] of [
    ['docker.io', 'https://registry-1.docker.io'],
    ['ghcr.io', 'https://ghcr.io'],
    ['localhost:5000', 'http://localhost:5000'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000'],
    ['127.8.0.1', 'http://127.8.0.1'],
    ['[::1]:5000', 'http://[::1]:5000'],
    ['10.0.0.1', 'http://10.0.0.1'],
    ['172.16.0.1:5000', 'http://172.16.0.1:5000'],
    ['172.32.0.1:5000', 'https://172.32.0.1:5000'],
    ['192.168.1.5:5000', 'http://192.168.1.5:5000'],
    ['192.169.1.5:5000', 'https://192.169.1.5:5000'],
    ['11.0.0.1', 'https://11.0.0.1'],
    ['pi.local:5000', 'http://pi.local:5000'],
    ['pi.local.example.org', 'https://pi.local.example.org'],
    ['10.0.0.1.example.org', 'https://10.0.0.1.example.org'],
    ['reg.lan:5000', 'http://reg.lan:5000'],
    ['reg.lan', 'http://reg.lan'],
    ['pi-0:5000', 'http://pi-0:5000'],
    ['pi-0:5001', 'https://pi-0:5001'],
    ['192.168.1.6:5000', 'https://192.168.1.6:5000'],
    ['pi-1.local:5000', 'https://pi-1.local:5000'],
    ['pi-1.local:5001', 'http://pi-1.local:5001'],
    ['both.lan', 'https://both.lan'],
  ] as const) {
    it(`of ${registry} is ${origin}`, () => {
      assert.deepEqual(endpointOf(registry, insecure, secure), { origin, insecure: origin.startsWith('http:') });
    });
  }
});

describe('a challenge', () => {
  for (const [header, expected] of [
    ['', []],
    ['Basic realm="a, b"', [{ scheme: 'basic', parameters: { realm: 'a, b' } }]],
    [
      'bearer Realm="https://t/x?a=b",service=s,scope="repository:a/b:pull,push"',
      [{ scheme: 'bearer', parameters: { realm: 'https://t/x?a=b', service: 's', scope: 'repository:a/b:pull,push' } }],
    ],
    [
      'Negotiate, Basic realm="q\\"uote" , Bearer realm=x',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'q"uote' } },
        { scheme: 'bearer', parameters: { realm: 'x' } },
      ],
    ],
  ] as const) {
    it(`is read from ${JSON.stringify(header)}`, () => assert.deepEqual(parseChallenges(header), expected));
  }
});
