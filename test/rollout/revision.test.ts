import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parse } from 'valibot';
import { functionStatusSchema } from '../../cli/openfaas/wire.ts';
import { decide } from '../../cli/rollout/decide.ts';
import { deployedReference, describeDeployment } from '../../cli/rollout/deployment.ts';
import { identitiesOf, newDeployId } from '../../cli/rollout/identities.ts';
import { revisionOf, shortRevision } from '../../cli/rollout/revision.ts';
import { declare, digestOf } from './example.ts';

const image = { reference: `registry.lan:5000/hello:1.0@${digestOf('a')}`, digest: digestOf('a'), bantamRuntime: true };
const full = declare({
  namespace: 'dev',
  process: 'node x.js',
  environment: { B: '2', A: '1', BANTAM_DEPLOY: 'by hand' },
  secrets: ['s2', 's1', 's2'],
  labels: { k: 'v' },
  annotations: { x: 'y', 'bantam.revision': 'by hand' },
  constraints: ['b=c', 'a=b'],
  limits: { memory: '64Mi' },
  requests: { cpu: '10m' },
  readOnlyRootFilesystem: true,
});

describe('deployment', () => {
  it('says what the stack file says, with the ids as annotations and environment', () => {
    assert.deepEqual(describeDeployment(full, image, { revision: 'rev', deploy: 'dep' }), {
      service: 'hello',
      image: image.reference,
      namespace: 'dev',
      envProcess: 'node x.js',
      envVars: { A: '1', B: '2', BANTAM_REVISION: 'rev', BANTAM_DEPLOY: 'dep' },
      constraints: ['a=b', 'b=c'],
      secrets: ['s1', 's2'],
      labels: { k: 'v' },
      annotations: { x: 'y', 'bantam.revision': 'rev', 'bantam.deploy': 'dep' },
      limits: { memory: '64Mi' },
      requests: { cpu: '10m' },
      readOnlyRootFilesystem: true,
    });
  });

  it('leaves out what is not said, but for labels and annotations, as faas-cli does', () => {
    assert.deepEqual(describeDeployment(declare({ limits: {} }), image, { revision: 'rev', deploy: 'dep' }), {
      service: 'hello',
      image: image.reference,
      envVars: { BANTAM_REVISION: 'rev', BANTAM_DEPLOY: 'dep' },
      labels: {},
      annotations: { 'bantam.revision': 'rev', 'bantam.deploy': 'dep' },
    });
  });

  it('names the image by digest, in the form the provider takes', () => {
    const [both, digestOnly] = [{ imageForm: 'tag-and-digest' }, { imageForm: 'digest' }] as const;
    assert.equal(
      deployedReference('registry.lan:5000/hello:1.0', digestOf('a'), both),
      `registry.lan:5000/hello:1.0@${digestOf('a')}`,
    );
    assert.equal(
      deployedReference('registry.lan:5000/hello:1.0', digestOf('a'), digestOnly),
      `registry.lan:5000/hello@${digestOf('a')}`,
    );
    assert.equal(deployedReference('hello', digestOf('a'), both), `hello:latest@${digestOf('a')}`);
    assert.equal(deployedReference(`me/hello@${digestOf('b')}`, digestOf('a'), both), `me/hello@${digestOf('a')}`);
    assert.equal(deployedReference('me/hello:2', undefined, both), 'me/hello:2');
    assert.throws(() => deployedReference('Not An Image', undefined, both), { code: 'BAN-E305' });
  });

  it('gets a new id each time', () => {
    const ids = Array.from({ length: 100 }, newDeployId);
    assert.equal(new Set(ids).size, 100);
    for (const id of ids) assert.match(id, /^[0-9a-f]{16}$/);
  });
});

describe('revision', () => {
  it('is 32 digits, of which eight are shown, and stays the same for ever', () => {
    const revision = revisionOf(full, image);
    assert.match(revision, /^[0-9a-f]{32}$/);
    assert.equal(shortRevision(revision), revision.slice(0, 8));
    assert.equal(
      revisionOf(declare(), image),
      '9b292eff1adbc37b9603fac6cf4b9a5c',
      'another value makes every cluster roll out everything once more',
    );
  });

  it('changes with content and with each setting', () => {
    const changes = [
      { environment: { A: '2' } },
      { secrets: ['s3'] },
      { labels: { k: 'w' } },
      { annotations: { x: 'z' } },
      { constraints: [] },
      { limits: { memory: '65Mi' } },
      { requests: undefined },
      { readOnlyRootFilesystem: false },
      { process: 'node y.js' },
      { namespace: undefined },
      { name: 'other' },
    ];
    const all = [
      revisionOf(full, image),
      revisionOf(full, { ...image, digest: digestOf('b') }),
      ...changes.map((change) => revisionOf({ ...full, ...change }, image)),
    ];
    assert.equal(new Set(all).size, all.length);
  });

  it('does not change with the tag, the order of sets, where the function stands, how it is built, or ids in the stack file', () => {
    const revision = revisionOf(full, image);
    assert.equal(revisionOf(full, { reference: 'registry.lan:5000/hello:2.0', digest: digestOf('a') }), revision);
    assert.equal(
      revisionOf(
        {
          ...full,
          secrets: ['s1', 's2'],
          constraints: ['a=b', 'b=c'],
          environment: { A: '1', B: '2' },
          annotations: { x: 'y' },
        },
        image,
      ),
      revision,
    );
    assert.equal(
      revisionOf(
        { ...full, position: { line: 9, column: 9 }, handler: '/elsewhere', buildArguments: { X: '1' }, probe: '/x' },
        image,
      ),
      revision,
    );
  });

  it('does not depend on the order of any map', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.string()),
        fc.dictionary(fc.string(), fc.string()),
        (environment, labels) => {
          const turned = (map: Record<string, string>): Record<string, string> =>
            Object.fromEntries(Object.entries(map).reverse());
          assert.equal(
            revisionOf(declare({ environment, labels }), image),
            revisionOf(declare({ environment: turned(environment), labels: turned(labels) }), image),
          );
        },
      ),
    );
  });
});

describe('decision', () => {
  const wanted = { revision: 'r1', image: image.reference, contentKnown: true };
  const running = (
    annotations: Record<string, string> | null,
    shown: string = image.reference,
  ): Parameters<typeof decide>[0] => parse(functionStatusSchema, { name: 'hello', image: shown, annotations });
  const ours = { 'bantam.revision': 'r1', 'bantam.deploy': 'd1' };

  it('creates what is not there', () => assert.equal(decide(undefined, wanted).action, 'create'));

  it('leaves alone what runs already, and names its deploy id', () => {
    assert.deepEqual(decide(running(ours), wanted), {
      action: 'unchanged',
      why: 'the same revision runs',
      deploy: 'd1',
    });
    assert.equal(
      decide(running(ours, `registry.lan:5000/hello@${digestOf('a')}`), wanted).action,
      'unchanged',
      'the tag is decoration',
    );
  });

  it('updates everything else, and says why', () => {
    for (const [status, change, why] of [
      [running(null), {}, /by something else/],
      [running({ 'bantam.revision': 'r1' }), {}, /by something else/],
      [running({ ...ours, 'bantam.revision': 'r0' }), {}, /revision r0 runs/],
      [running(ours, `registry.lan:5000/hello:1.0@${digestOf('b')}`), {}, /changed its image/],
      [running(ours, 'registry.lan:5000/hello:1.0'), {}, /changed its image/],
      [running(ours), { contentKnown: false }, /digest .* not known/],
    ] as const) {
      const decision = decide(status, { ...wanted, ...change });
      assert.equal(decision.action, 'update');
      assert.match(decision.why, why);
    }
  });

  it('reads identities, and takes empty ones for none', () => {
    assert.deepEqual(
      identitiesOf(
        parse(functionStatusSchema, { name: 'a', annotations: { 'bantam.revision': '', 'bantam.deploy': 'd' } }),
      ),
      { revision: undefined, deploy: 'd' },
    );
  });
});
