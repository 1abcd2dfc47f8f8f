import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Dialect, dialectOf } from '../../cli/openfaas/dialects.ts';

const provider = (name: string, orchestration: string): Dialect =>
  dialectOf({ provider: { provider: name, orchestration }, arch: '' });
const netes = provider('faas-netes-ce', 'kubernetes');
const faasd = provider('faasd', 'containerd');
const strange = provider('faas-swarm', 'swarm');

describe('dialects', () => {
  it('are known by provider, and the embedded gateway by whom it imitates', () => {
    assert.deepEqual(
      [netes, faasd, strange].map(({ spoken, title, local }) => [spoken, title, local]),
      [
        ['faas-netes', 'faas-netes', false],
        ['faasd', 'faasd', false],
        ['unknown', 'faas-swarm', false],
      ],
    );
    assert.deepEqual(
      [provider('bantam-local', 'kubernetes'), provider('bantam-local', 'containerd')].map(
        ({ spoken, title, local }) => [spoken, title, local],
      ),
      [
        ['faas-netes', 'local (faas-netes dialect)', true],
        ['faasd', 'local (faasd dialect)', true],
      ],
    );
    assert.equal(provider('faas-netes', '').spoken, 'faas-netes');
    assert.equal(provider('faas-netes-operator', '').spoken, 'faas-netes');
    assert.equal(dialectOf({ provider: null, arch: '' }).title, 'unknown provider');
  });

  // Observed on the real gateways (anchors of the project), where no recording says it yet.
  const table: readonly [
    Dialect,
    'judgeCreate' | 'judgeUpdate' | 'judgeRemove' | 'judgeScale',
    number,
    string,
    string,
  ][] = [
    [netes, 'judgeCreate', 202, '', 'accepted'],
    [netes, 'judgeCreate', 500, 'unable create Deployment: deployments.apps "echo" already exists', 'exists'],
    [
      netes,
      'judgeCreate',
      500,
      'unable create Deployment: object is being deleted: deployments.apps "again" already exists',
      'busy',
    ],
    [netes, 'judgeCreate', 400, 'unable to fetch secrets: secrets "not-there" not found', 'rejected'],
    [netes, 'judgeCreate', 400, 'namespace must be: openfaas-fn', 'rejected'],
    [netes, 'judgeCreate', 502, '', 'look'],
    [netes, 'judgeUpdate', 202, '', 'accepted'],
    [netes, 'judgeUpdate', 200, '', 'rejected'],
    [
      netes,
      'judgeUpdate',
      404,
      'unable update Deployment: nope.openfaas-fn, error: deployments.apps "nope" not found',
      'absent',
    ],
    [
      netes,
      'judgeUpdate',
      400,
      'unable update Deployment: echo.openfaas-fn, error: secrets "not-there" not found',
      'rejected',
    ],
    [netes, 'judgeUpdate', 504, 'gateway timeout', 'look'],
    [netes, 'judgeRemove', 202, '', 'accepted'],
    [netes, 'judgeRemove', 404, 'services "crash" not found', 'absent'],
    [netes, 'judgeScale', 202, '', 'accepted'],
    [faasd, 'judgeCreate', 200, '', 'accepted'],
    [faasd, 'judgeCreate', 202, '', 'accepted'],
    [
      faasd,
      'judgeCreate',
      400,
      'unable to create container: fn, error: snapshot "fn-snapshot": already exists',
      'exists',
    ],
    [faasd, 'judgeCreate', 400, 'unable to find secret: X', 'rejected'],
    [faasd, 'judgeUpdate', 200, '', 'accepted'],
    [faasd, 'judgeUpdate', 404, 'service nope not found', 'absent'],
    [faasd, 'judgeUpdate', 400, 'unable to start task: fn, error: task fn: already exists', 'look'],
    [faasd, 'judgeUpdate', 400, 'unable to find secret: X\nunable to start task: fn', 'rejected'],
    [faasd, 'judgeUpdate', 500, 'cannot pull: no match for platform in manifest: not found', 'rejected'],
    [faasd, 'judgeUpdate', 503, '', 'look'],
    [faasd, 'judgeRemove', 404, 'service fn not found', 'absent'],
    [faasd, 'judgeScale', 400, 'Error unmarshalling request body', 'rejected'],
    [strange, 'judgeCreate', 200, '', 'look'],
    [strange, 'judgeCreate', 409, '', 'exists'],
    [strange, 'judgeUpdate', 422, 'no', 'rejected'],
    [strange, 'judgeUpdate', 500, 'hm', 'look'],
    [strange, 'judgeUpdate', 404, '', 'absent'],
  ];
  for (const [dialect, question, status, body, verdict] of table) {
    it(`${dialect.title} ${question} ${status} ${body === '' ? '(nothing)' : body}`, () =>
      assert.equal(dialect[question]({ status, body }).verdict, verdict));
  }

  it('give the gateway’s words as reason, once, in one line, cut', () => {
    assert.deepEqual(faasd.judgeUpdate({ status: 500, body: 'no such image\nno such image\n  at all\n' }), {
      verdict: 'rejected',
      reason: 'no such image; at all',
    });
    const long = faasd.judgeUpdate({ status: 500, body: 'x'.repeat(4000) });
    assert.ok('reason' in long && long.reason.length < 320);
    const silent = netes.judgeUpdate({ status: 200, body: '' });
    assert.ok('reason' in silent && /200 instead of 202/.test(silent.reason));
  });

  it('never take an error for success, whatever it says', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(netes, faasd, strange),
        fc.constantFrom('judgeCreate' as const, 'judgeUpdate' as const, 'judgeRemove' as const, 'judgeScale' as const),
        fc.integer({ min: 300, max: 599 }),
        fc.string(),
        (dialect, question, status, body) => {
          assert.notEqual(dialect[question]({ status, body }).verdict, 'accepted');
        },
      ),
    );
  });
});
