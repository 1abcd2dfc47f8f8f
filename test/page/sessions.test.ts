import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { conditionOf, identityAnnotations, viewFunction } from '../../cli/local/page/function-view.ts';
import { FunctionWatch } from '../../cli/local/page/function-watch.ts';
import type { FunctionView } from '../../cli/local/page/messages.ts';
import { Sessions } from '../../cli/local/page/sessions.ts';
import { identityNames } from '../../cli/rollout/identities.ts';
import { StagedProvider } from './staged-provider.ts';

describe('who may use the page', () => {
  const credentials = { user: 'admin', password: 'secret' };
  let now = 1_800_000_000_000;
  const open = (): Sessions => new Sessions(credentials, () => now);

  it('takes the key of a link once, and for half an hour', () => {
    const sessions = open();
    const [key, late] = [sessions.newKey(), sessions.newKey()];
    assert.match(key, /^[\w-]{32}$/);
    assert.deepEqual([sessions.redeem(key), sessions.redeem(key), sessions.redeem('')], [true, false, false]);
    now += 30 * 60_000;
    assert.equal(sessions.redeem(late), false);
  });

  it('keeps no more than 32 links that nobody used', () => {
    const sessions = open();
    const keys = Array.from({ length: 40 }, () => sessions.newKey());
    assert.equal(keys.filter((key) => sessions.redeem(key)).length, 32);
  });

  it('takes a token for twelve hours, also after a restart, but not after another password', () => {
    const token = open().newToken();
    const header = `Bearer ${token}`;
    assert.equal(open().isAllowed(header), true);
    assert.equal(new Sessions({ ...credentials, password: 'other' }, () => now).isAllowed(header), false);
    assert.equal(new Sessions({ ...credentials, user: 'other' }, () => now).isAllowed(header), false);
    const [until = '', signature = ''] = token.split('.');
    const later = (Number.parseInt(until, 36) + 1).toString(36);
    for (const forged of [`${later}.${signature}`, `${until}.${signature.slice(1)}A`, until, `${until}.`, ''])
      assert.equal(open().isAllowed(`Bearer ${forged}`), false, forged);
    now += 12 * 3_600_000;
    assert.equal(open().isAllowed(header), false);
  });

  it('takes user and password as /system does', () => {
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    assert.deepEqual(
      [basic('admin:secret'), basic('admin:wrong'), undefined, 'Digest x'].map((header) => open().isAllowed(header)),
      [true, false, false, false],
    );
  });
});

describe('a function as the page sees it', () => {
  const state = new StagedProvider().stage('hello');

  it('has no environment and no secrets', () => {
    const deployment = {
      ...state.deployment,
      envVars: { TOKEN: 'swordfish' },
      secrets: ['database'],
      annotations: { ...state.deployment.annotations, topic: 'cron-function', schedule: '*/5 * * * *' },
    };
    const view = viewFunction({ ...state, deployment }, 3);
    assert.doesNotMatch(JSON.stringify(view), /swordfish|TOKEN|database/);
    assert.deepEqual(
      [view.revision, view.deploy, view.memoryLimit, view.schedule, view.queued, view.condition],
      ['3f2a91c0', '0123456789abcdef', '64Mi', '*/5 * * * *', 3, 'ready'],
    );
    assert.deepEqual(identityAnnotations, identityNames.annotations, 'as fn deploy writes them');
  });

  it('says the same of a memory that hardly moves', () => {
    const memory = (bytes: number): number | undefined =>
      viewFunction({ ...state, replicaStates: state.replicaStates.map((one) => ({ ...one, memoryBytes: bytes })) }, 0)
        .replicaStates[0]?.memoryBytes;
    assert.equal(memory(34_000_000), memory(34_100_000));
    assert.notEqual(memory(34_000_000), memory(36_000_000));
  });

  it('is in one condition', () => {
    const fault = { instance: 'x', reason: 'y' };
    const base = { removing: false, faults: [], replicas: 2, availableReplicas: 2 };
    assert.deepEqual(
      [
        base,
        { ...base, availableReplicas: 1 },
        { ...base, faults: [fault] },
        { ...base, replicas: 0, availableReplicas: 0 },
        { ...base, faults: [fault], removing: true },
        { ...base, availableReplicas: 3 },
      ].map(conditionOf),
      ['ready', 'starting', 'failing', 'stopped', 'removing', 'ready'],
    );
  });

  it('is looked at only while somebody listens, once for all', async () => {
    let looks = 0;
    let views: FunctionView[] = [viewFunction(state, undefined)];
    const watch = new FunctionWatch(() => {
      looks += 1;
      return views;
    }, 1);
    const told: [string, boolean][][] = [];
    const changes = new EventEmitter();
    const leave = watch.subscribe((changed) => {
      told.push([...changed].map(([name, view]) => [name, view !== undefined]));
      changes.emit('told');
    });
    assert.equal(looks, 1);
    const other = watch.subscribe(() => undefined);
    views = [...views, viewFunction(new StagedProvider().stage('later'), 0)];
    await once(changes, 'told');
    views = views.slice(1);
    await once(changes, 'told');
    assert.deepEqual(told, [[['hello', true]], [['later', true]], [['hello', false]]]);
    leave();
    assert.equal(watch.active, true);
    other();
    assert.equal(watch.active, false);
  });
});
