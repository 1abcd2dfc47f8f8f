import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { UserError } from '../../cli/errors.ts';
import { findGatewayAddresses, readLogin } from '../../cli/openfaas/cluster-gateway.ts';
import { adviceFor } from '../../cli/tools/kubectl.ts';
import { recorded } from './kubectl-stand-in.ts';

describe('the gateway’s address as a cluster tells it', () => {
  const at = async (services: string, ingresses = 'no-ingresses', nodes = 'nodes'): Promise<readonly string[]> =>
    findGatewayAddresses({
      services: await recorded(services),
      ingresses: await recorded(ingresses),
      nodes: await recorded(nodes),
    }).map(({ url, from }) => `${url} ${from}`);

  it('a node port, on each ready node', async () => {
    assert.deepEqual(await at('services-node-port'), ['http://10.77.0.1:31112 service gateway-external, node port']);
  });

  it('a load balancer before its own node port', async () => {
    assert.deepEqual(await at('services-load-balancer'), [
      'http://192.168.1.240:8080 service gateway-external',
      'http://10.77.0.1:31112 service gateway-external, node port',
    ]);
  });

  it('a load balancer that nobody has given an address: the node port', async () => {
    assert.deepEqual(await at('services-pending'), ['http://10.77.0.1:31112 service gateway-external, node port']);
  });

  it('an ingress with TLS first; rules for others do not count', async () => {
    assert.deepEqual(await at('services-node-port', 'ingresses'), [
      'https://gateway.example.org ingress openfaas-ingress',
      'http://10.77.0.1:31112 service gateway-external, node port',
    ]);
  });

  it('a cluster address alone is none', async () => {
    assert.deepEqual(await at('services-cluster-ip'), []);
  });

  it('an ingress without TLS last, with its path; wildcards and nameless rules do not count', () => {
    const path = { path: '/openfaas/', backend: { service: { name: 'gateway' } } };
    const rules = [
      { host: 'pi.lan', http: { paths: [path] } },
      { host: '*.lan', http: { paths: [path] } },
      { http: { paths: [path] } },
    ];
    const service = {
      metadata: { name: 'gateway' },
      spec: { ports: [{ port: 8080, nodePort: 30001 }], externalIPs: ['fd00::1'] },
    };
    const node = (ready: string, ...addresses: [string, string][]): unknown => ({
      status: {
        conditions: [{ type: 'Ready', status: ready }],
        addresses: addresses.map(([type, address]) => ({ type, address })),
      },
    });
    const found = findGatewayAddresses({
      services: { items: [service] },
      ingresses: { items: [{ metadata: { name: 'i' }, spec: { rules } }] },
      nodes: {
        items: [
          node('True', ['InternalIP', '10.0.0.1'], ['ExternalIP', '203.0.113.1'], ['Hostname', 'pi-0']),
          node('Unknown', ['InternalIP', '10.0.0.2']),
          node('True', ['InternalIP', '10.0.0.3'], ['InternalIP', 'fd00::3']),
        ],
      },
    });
    assert.deepEqual(
      found.map(({ url }) => url),
      [
        'http://[fd00::1]:8080',
        'http://10.0.0.1:30001',
        'http://10.0.0.3:30001',
        'http://[fd00::3]:30001',
        'http://203.0.113.1:30001',
        'http://pi.lan/openfaas',
      ],
    );
  });

  it('BAN-E409 for a shape that is none', () => {
    for (const services of [null, [], { items: {} }, { items: [{ metadata: {} }] }])
      assert.throws(
        () => findGatewayAddresses({ services, ingresses: { items: [] }, nodes: { items: [] } }),
        (error) => error instanceof UserError && error.code === 'BAN-E409' && /the services/.test(error.message),
      );
  });
});

describe('the login in a cluster’s secret', () => {
  it('is read as the chart writes it', async () => {
    assert.deepEqual(readLogin(await recorded('secret')), { user: 'admin', password: 'recorded-password-1234567890' });
    const encode = (text: string): string => Buffer.from(text).toString('base64');
    assert.deepEqual(
      readLogin({ data: { 'basic-auth-user': encode('admin\n'), 'basic-auth-password': encode(' a b\r\n') } }),
      { user: 'admin', password: 'a b' },
      'as the gateway reads it',
    );
  });

  it('BAN-E409 for another secret, whose content is not quoted', () => {
    const hidden = Buffer.from('hidden').toString('base64');
    for (const secret of [
      null,
      {},
      { data: null },
      { data: { 'basic-auth-password': hidden } },
      { data: { 'basic-auth-user': hidden, 'basic-auth-password': '' } },
      { data: { 'basic-auth-user': Buffer.from('a:b').toString('base64'), 'basic-auth-password': hidden } },
      { data: { 'basic-auth-user': 7, 'basic-auth-password': hidden } },
    ])
      assert.throws(
        () => readLogin(secret),
        (error) =>
          error instanceof UserError &&
          error.code === 'BAN-E409' &&
          !`${error.message}${error.hint}${error.details.join()}`.includes('hidden') &&
          !`${error.message}${error.hint}`.includes(hidden),
      );
  });

  it('was recorded with a password of its own', async () => {
    assert.match(await readFile(new URL('cluster/secret.json', import.meta.url), 'utf8'), /cmVjb3JkZWQtcGFzc3dvcmQ/);
  });
});

describe('what to do about kubectl’s failures', () => {
  const k3s = '/etc/rancher/k3s/k3s.yaml';
  const nobodyThere =
    'The connection to the server localhost:8080 was refused - did you specify the right host or port?';
  // Sentences of kubectl 1.33, and of the one that k3s brings.
  for (const [stderr, state, expected] of [
    [
      `error: error loading config file "${k3s}": open ${k3s}: permission denied`,
      'unreadable',
      /sudo cat .* > ~\/\.kube\/config && chmod 600/,
    ],
    [
      `time="2026" level=warning msg="Unable to read ${k3s}, please start server with --write-kubeconfig-mode"`,
      'unreadable',
      /only root may read/,
    ],
    [nobodyThere, 'unreadable', /only root may read/],
    [nobodyThere, 'readable', /export KUBECONFIG=\/etc\/rancher/],
    [nobodyThere, 'absent', /copy the cluster’s to ~\/\.kube\/config/],
    ['error: context "nope" does not exist', 'absent', /get-contexts/],
    ['Error in configuration: context was not found for specified context: nope', 'absent', /get-contexts/],
    [
      'Error from server (Forbidden): secrets "basic-auth" is forbidden: User "nobody" cannot get resource',
      'absent',
      /may not read it/,
    ],
    ['Error from server (NotFound): secrets "basic-auth" not found', 'absent', /--openfaas-namespace/],
    ['Error from server (NotFound): namespaces "openfaas" not found', 'absent', /--openfaas-namespace/],
    ['Unable to connect to the server: dial tcp 10.0.0.9:6443: i/o timeout', 'absent', /kubectl get nodes/],
  ] as const)
    it(`${stderr.slice(0, 60)}… (${state})`, () => assert.match(adviceFor(stderr, k3s, state), expected));
});
