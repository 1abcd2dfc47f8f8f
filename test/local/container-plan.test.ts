import assert from 'node:assert/strict';
import { parseQuantity } from '../../cli/local/dialect/quantity.ts';
import { planContainer, pullReference } from '../../cli/local/docker/container-plan.ts';
import { newReplicaName } from '../../cli/local/replicas/names.ts';
import { isSecretName } from '../../cli/openfaas/secret-name.ts';

const surroundings = {
  instance: 'abcd1234',
  replica: 'hello-1-x',
  network: { name: 'bantam-abcd1234', gatewayAddress: '172.18.0.1' },
  secretFile: (name: string) => `/state/secrets/${name}`,
  cpus: 2,
};

describe('the plan of a container', () => {
  it('of a plain deployment is hardened and reaches the gateway by name', () => {
    assert.deepEqual(planContainer({ service: 'hello', image: 'registry.lan:5000/hello:1' }, surroundings), {
      name: 'bantam-abcd1234-hello-1-x',
      hostname: 'hello-1-x',
      image: 'registry.lan:5000/hello:1',
      environment: {},
      labels: { 'bantam.local': 'abcd1234', 'bantam.function': 'hello' },
      port: 8080,
      network: { name: 'bantam-abcd1234', aliases: ['hello', 'hello.openfaas-fn'] },
      extraHosts: ['gateway:172.18.0.1', 'gateway.openfaas:172.18.0.1'],
      mounts: [],
      memoryFolders: { '/tmp': 'mode=1777' },
      readOnlyRoot: true,
      pidsLimit: 256,
    });
  });
  it('carries environment, process, secrets, limits and platform', () => {
    const plan = planContainer(
      {
        service: 'hello',
        image: 'hello',
        envVars: { A: 'b=c', LÄNGE: '1' },
        envProcess: 'node index.js',
        secrets: ['token'],
        labels: { 'bantam.local': 'stolen', mine: 'x' },
        limits: { memory: '64Mi', cpu: '250m' },
        readOnlyRootFilesystem: false,
      },
      { ...surroundings, platform: 'linux/arm/v7' },
    );
    assert.deepEqual(plan.environment, { A: 'b=c', LÄNGE: '1', fprocess: 'node index.js' });
    assert.deepEqual(plan.mounts, [
      { source: '/state/secrets/token', target: '/var/openfaas/secrets/token', readOnly: true },
    ]);
    assert.deepEqual(plan.labels, { 'bantam.local': 'abcd1234', mine: 'x', 'bantam.function': 'hello' });
    assert.deepEqual(
      [plan.memoryBytes, plan.nanoCpus, plan.platform, plan.readOnlyRoot],
      [64 << 20, 25e7, 'linux/arm/v7', false],
    );
  });
  for (const [cpu, nano] of [
    ['8', 2e9],
    ['1m', 1e7],
    ['0.5', 5e8],
  ] as const) {
    it(`takes ${cpu} processors of 2 as ${nano}`, () =>
      assert.equal(planContainer({ service: 'a', image: 'a', limits: { cpu } }, surroundings).nanoCpus, nano));
  }
  it('stays off every network of the gateway without one', () => {
    const plan = planContainer({ service: 'a', image: 'a' }, { ...surroundings, network: undefined });
    assert.deepEqual([plan.network, plan.extraHosts], [undefined, []]);
  });
});

describe('the reference an engine is asked for', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  for (const [image, expected] of [
    ['registry.lan:5000/hello:1', 'registry.lan:5000/hello:1'],
    ['hello', 'hello:latest'],
    [`hello:1@${digest}`, `hello@${digest}`],
    [`hello@${digest}`, `hello@${digest}`],
  ] as const) {
    it(`of ${image} is ${expected}`, () => assert.equal(pullReference(image), expected));
  }
});

describe('a quantity', () => {
  for (const [text, value] of [
    ['64Mi', 67108864],
    ['1.5Gi', 1610612736],
    ['100m', 0.1],
    ['2', 2],
    ['.5', 0.5],
    ['1e3', 1000],
    ['2E', 2e18],
    ['128k', 128000],
    ['64MB!', undefined],
    ['64MB', undefined],
    ['', undefined],
    ['Mi', undefined],
    ['1 Mi', undefined],
  ] as const) {
    it(`${text || '(empty)'} is ${value ?? 'none'}`, () => assert.equal(parseQuantity(text), value));
  }
});

describe('names', () => {
  it('of replicas fit a host name, and keep their random end', () => {
    const name = newReplicaName('a'.repeat(63), '0123456789abcdef');
    assert.match(name, /^a{48}-01234567-[0-9a-f]{5}$/);
    assert.ok(name.length <= 63);
    assert.notEqual(newReplicaName('a', '0'), newReplicaName('a', '0'));
  });
  for (const [name, fits] of [
    ['token', true],
    ['my.token-2', true],
    ['grüße', false],
    ['Token', false],
    ['../x', false],
    ['', false],
    ['.', false],
    ['a'.repeat(254), false],
  ] as const) {
    it(`of secrets: "${name.slice(0, 20)}" is ${fits ? 'taken' : 'refused'}`, () =>
      assert.equal(isSecretName(name), fits));
  }
});
