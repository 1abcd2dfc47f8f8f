import assert from 'node:assert/strict';
import { parse } from 'valibot';
import { Interrupted } from '../../cli/errors.ts';
import type { Event } from '../../cli/events.ts';
import { openGateway } from '../../cli/openfaas/client.ts';
import { type Dialect, dialectOf } from '../../cli/openfaas/dialects.ts';
import { functionDeploymentSchema } from '../../cli/openfaas/wire.ts';
import { openReplicaProbe } from '../../cli/replica/http-probe.ts';
import type { ReplicaProbe } from '../../cli/replica/probe.ts';
import { type DeployOutcome, type DeployRequest, deployFunction } from '../../cli/rollout/deploy.ts';
import { describeDeployment } from '../../cli/rollout/deployment.ts';
import { revisionOf } from '../../cli/rollout/revision.ts';
import type { StackFunction } from '../../cli/stack/stack.ts';
import { declare, digestOf } from './example.ts';
import { answering, type Received, type StandIn, saying, showing, startStandIn } from './stand-in.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

const netes = dialectOf({ provider: { provider: 'faas-netes-ce', orchestration: 'kubernetes' }, arch: '' });
const faasd = dialectOf({ provider: { provider: 'faasd', orchestration: 'containerd' }, arch: '' });
const strange = dialectOf({ provider: { provider: 'faas-swarm', orchestration: 'swarm' }, arch: '' });
const image = { reference: `registry.lan:5000/hello:1.0@${digestOf('a')}`, digest: digestOf('a'), bantamRuntime: true };

describe('deploying a function', () => {
  let far: StandIn;
  let clock: VirtualClock;
  let events: Event[];
  beforeEach(async () => {
    far = await startStandIn();
    clock = createVirtualClock();
    events = [];
  });
  afterEach(() => far.close());

  interface Case {
    readonly dialect?: Dialect;
    readonly fn?: Partial<StackFunction>;
    readonly image?: Partial<DeployRequest['image']>;
    readonly timeout?: number;
    readonly signal?: AbortSignal;
    readonly writeTimeout?: number;
    readonly probe?: ReplicaProbe;
    readonly again?: boolean;
  }
  function deploy(given: Case = {}): Promise<DeployOutcome> {
    const ports = {
      gateway: openGateway({ url: far.url, timeouts: { read: 2000, write: given.writeTimeout ?? 2000 } }),
      dialect: given.dialect ?? netes,
      probe: given.probe ?? openReplicaProbe(far.url, { timeoutMilliseconds: 150 }),
      clock,
      report: (event: Event) => void events.push(event),
      newDeployId: () => 'new',
    };
    return deployFunction(
      {
        fn: declare(given.fn),
        image: { ...image, ...given.image },
        again: given.again,
        timeoutMilliseconds: given.timeout,
      },
      ports,
      given.signal ?? new AbortController().signal,
    );
  }
  /** What an earlier bantam left behind: deploy id `old`, another revision unless told. */
  const deployed = (revision = 'r0', deployId = 'old', numbers?: Record<string, number>): void => {
    const reference = revision === 'r0' ? `registry.lan:5000/hello:0.9@${digestOf('0')}` : image.reference;
    const body = describeDeployment(declare(), { ...image, reference }, { revision, deploy: deployId });
    far.shown = showing(parse(functionDeploymentSchema, body), numbers);
  };

  it('creates: one POST, then the new id answers', async () => {
    const outcome = await deploy();
    assert.deepEqual(
      [outcome.action, outcome.verdict, outcome.deploy, outcome.failure],
      ['created', 'ready', 'new', undefined],
    );
    assert.deepEqual(outcome.replicas, { wanted: 1, available: 1, seen: 1 });
    assert.equal(outcome.url, `${far.url}/function/hello`);
    assert.equal(outcome.revision, revisionOf(declare(), image));
    assert.deepEqual(far.trail.slice(0, 4), ['read', 'POST', 'read', 'read']);
    assert.deepEqual([far.count('POST'), far.count('PUT'), far.count('secrets'), far.count('logs')], [1, 0, 0, 0]);
    assert.equal(far.sent[0]?.annotations?.['bantam.deploy'], 'new');
    assert.equal(far.sent[0]?.envVars?.['BANTAM_DEPLOY'], 'new');
    assert.ok((outcome.counts?.windowMilliseconds ?? 0) >= 1000);
    assert.equal(outcome.counts?.tries, far.count('ready'));
    assert.ok(events.some((event) => event.type === 'progress' && event.about === 'hello'));
  });

  it('updates with one PUT, in a namespace too', async () => {
    deployed();
    const outcome = await deploy({ fn: { namespace: 'dev' } });
    assert.deepEqual(
      [outcome.action, outcome.verdict, outcome.url],
      ['updated', 'ready', `${far.url}/function/hello.dev`],
    );
    assert.deepEqual([far.count('POST'), far.count('PUT')], [0, 1]);
    assert.equal(far.sent[0]?.namespace, 'dev');
  });

  it('sends nothing for the same revision, yet looks whether it answers', async () => {
    deployed(revisionOf(declare(), image), 'old');
    far.ready = () => answering('old');
    const outcome = await deploy();
    assert.deepEqual([outcome.action, outcome.verdict, outcome.deploy], ['unchanged', 'ready', 'old']);
    assert.equal(far.sent.length, 0);
    assert.ok(far.count('ready') >= 16);
  });

  it('says so when the same revision is there but does not answer', async () => {
    deployed(revisionOf(declare(), image), 'old', {});
    far.ready = () => saying(500, "Can't reach service for: hello.");
    far.logs = saying(
      200,
      '{"name":"hello","instance":"7","timestamp":"2026-01-01T00:00:02Z","text":"second\\n"}\n{"name":"hello","instance":"7","timestamp":"2026-01-01T00:00:01Z","text":"first\\n"}\n\n',
    );
    const outcome = await deploy({ timeout: 5000 });
    assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['unchanged', 'not-ready', 'BAN-E502']);
    assert.match(outcome.failure?.message ?? '', /nothing was sent/);
    assert.deepEqual(outcome.logLines, [
      { instance: '7', text: 'first' },
      { instance: '7', text: 'second' },
    ]);
    assert.equal(far.sent.length, 0);
  });

  it('puts where the gateway knew it after all, and posts where it did not', async () => {
    far.change = (sent, method, respond) => {
      if (method === 'POST') return respond(500, 'unable create Deployment: deployments.apps "hello" already exists');
      far.shown = showing(sent);
      respond(202);
    };
    assert.deepEqual(
      [(await deploy()).action, far.trail.filter((entry) => entry.startsWith('P'))],
      ['updated', ['POST', 'PUT']],
    );
  });

  it('posts after a 404 to its PUT', async () => {
    deployed();
    far.change = (sent, method, respond) => {
      if (method === 'PUT') return respond(404, 'service hello not found');
      far.shown = showing(sent);
      respond(200);
    };
    assert.deepEqual(
      [(await deploy({ dialect: faasd })).action, far.trail.filter((entry) => entry.startsWith('P'))],
      ['created', ['PUT', 'POST']],
    );
  });

  it('does not send in turns for ever', async () => {
    far.change = (_sent, method, respond) => (method === 'PUT' ? respond(404, 'no') : respond(500, 'already exists'));
    const outcome = await deploy();
    assert.deepEqual([outcome.verdict, outcome.failure?.code], ['rejected', 'BAN-E501']);
    assert.ok(far.sent.length <= 5);
  });

  it('waits for an old one that is still being removed', async () => {
    far.change = (sent, _method, respond) => {
      if (far.sent.length < 4)
        return respond(
          500,
          'unable create Deployment: object is being deleted: deployments.apps "hello" already exists',
        );
      far.shown = showing(sent);
      respond(202);
    };
    assert.deepEqual([(await deploy()).verdict, far.count('POST')], ['ready', 4]);
  });

  it('catches the silent 200 of faas-netes', async () => {
    deployed();
    far.change = (_sent, _method, respond) => respond(200);
    const outcome = await deploy();
    assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['none', 'rejected', 'BAN-E501']);
    assert.match(outcome.failure?.message ?? '', /answered 200 instead of 202/);
    assert.match(outcome.failure?.hint ?? '', /what ran before still runs/);
    assert.equal(far.count('ready'), 0, 'no function was called');
  });

  it('believes a 200 of faas-netes that the status confirms', async () => {
    deployed();
    far.change = (sent, _method, respond) => {
      far.shown = showing(sent);
      respond(200);
    };
    assert.equal((await deploy()).verdict, 'ready');
  });

  it('catches a 202 after which nothing changes', async () => {
    deployed();
    far.change = (_sent, _method, respond) => respond(202);
    const outcome = await deploy();
    assert.deepEqual([outcome.verdict, outcome.failure?.code], ['rejected', 'BAN-E501']);
    assert.match(outcome.failure?.message ?? '', /answered 202, but does not show the new deployment/);
    assert.deepEqual([far.count('PUT'), far.count('ready')], [1, 0]);
  });

  it('waits for a status that lags', async () => {
    deployed();
    far.change = (_sent, _method, respond) => respond(202);
    far.read = (number) => {
      if (number === 5 && far.sent[0] !== undefined) far.shown = showing(far.sent[0]);
      return undefined;
    };
    assert.equal((await deploy()).verdict, 'ready');
  });

  it('passes on the words of a refusal, and what became of the function before', async () => {
    deployed();
    far.change = (_sent, _method, respond) =>
      respond(400, 'unable update Deployment: hello.openfaas-fn, error: a quantity "64MB!" is wrong');
    const outcome = await deploy();
    assert.deepEqual([outcome.verdict, outcome.failure?.code], ['rejected', 'BAN-E501']);
    assert.match(
      outcome.failure?.message ?? '',
      /hello: faas-netes refused it: unable update Deployment.*quantity "64MB!" is wrong/,
    );
    assert.match(outcome.failure?.hint ?? '', /what ran before still runs; check limits/);
  });

  it('says that faasd has destroyed what ran', async () => {
    deployed();
    far.change = (_sent, _method, respond) => {
      far.shown = undefined;
      respond(
        500,
        'cannot pull: no match for platform in manifest: not found\ncannot pull: no match for platform in manifest: not found\n',
      );
    };
    const outcome = await deploy({ dialect: faasd });
    assert.deepEqual([outcome.verdict, outcome.failure?.code], ['rejected', 'BAN-E501']);
    assert.match(outcome.failure?.hint ?? '', /is gone .*lacks the platform/);
  });

  it('looks after a 400 of faasd: the new code may have won the race', async () => {
    deployed();
    far.change = (sent, _method, respond) => {
      far.shown = showing(sent);
      respond(400, 'unable to start task: hello, error: task hello: already exists');
    };
    assert.deepEqual([(await deploy({ dialect: faasd })).verdict, far.count('PUT')], ['ready', 1]);
  });

  it('is not taken in by the dead container that faasd leaves after a missing secret', async () => {
    deployed();
    far.change = (sent, _method, respond) => {
      far.shown = showing(sent, {});
      respond(400, 'unable to find secret: tok\nunable to start task: hello');
    };
    const outcome = await deploy({ dialect: faasd });
    assert.deepEqual([outcome.verdict, far.count('ready')], ['rejected', 0]);
    assert.match(outcome.failure?.hint ?? '', /shows the image .*deploy again/);
  });

  it('asks for secrets before it sends anything', async () => {
    deployed();
    far.secrets = saying(200, '[{"name":"there"}]');
    const outcome = await deploy({ fn: { secrets: ['there', 'absent'] }, dialect: faasd });
    assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['none', 'rejected', 'BAN-E506']);
    assert.match(outcome.failure?.message ?? '', /absent.*nothing was sent/);
    assert.deepEqual(far.trail, ['read', 'secrets']);
  });

  it('believes faas-netes itself about secrets: it lists only the ones that OpenFaaS made', async () => {
    deployed();
    far.secrets = saying(200, '[]');
    assert.equal((await deploy({ fn: { secrets: ['made-with-kubectl'] } })).verdict, 'ready');
    far.change = (_sent, _method, respond) =>
      respond(400, 'unable update Deployment: hello.openfaas-fn, error: secrets "absent" not found');
    const outcome = await deploy({ fn: { secrets: ['absent'] } });
    assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['none', 'rejected', 'BAN-E506']);
    assert.match(outcome.failure?.hint ?? '', /what ran before still runs; .*bantam secret create absent/);
    assert.equal(far.count('secrets'), 0);
  });

  it('sends an unchanged function again when asked to, so that it reads its secrets anew', async () => {
    const revision = revisionOf(declare(), image);
    deployed(revision, 'old');
    const outcome = await deploy({ again: true });
    assert.deepEqual(
      [outcome.action, outcome.verdict, outcome.deploy, outcome.revision, far.count('PUT')],
      ['updated', 'ready', 'new', revision, 1],
    );
  });

  describe('when the answer is lost', () => {
    const dropped =
      (apply: boolean) => (sent: Received, _method: string, _respond: unknown, response: { destroy(): unknown }) => {
        if (apply) far.shown = showing(sent);
        response.destroy();
      };

    it('goes on if the gateway shows the deploy id', async () => {
      deployed();
      far.change = dropped(true);
      const outcome = await deploy();
      assert.deepEqual([outcome.action, outcome.verdict, far.count('PUT')], ['updated', 'ready', 1]);
    });

    it('sends nothing again if it does not, and says that it does not know', async () => {
      deployed();
      far.change = dropped(false);
      const outcome = await deploy();
      assert.deepEqual(
        [outcome.action, outcome.verdict, outcome.failure?.code, far.count('PUT'), far.count('ready')],
        ['none', 'unknown', 'BAN-E401', 1, 0],
      );
      assert.match(outcome.failure?.message ?? '', /answer .* was lost/);
    });

    it('does the same for a gateway that hangs', async () => {
      far.change = (sent) => {
        far.shown = showing(sent);
      };
      const outcome = await deploy({ writeTimeout: 100 });
      assert.deepEqual([outcome.action, outcome.verdict, far.count('POST')], ['created', 'ready', 1]);
    });

    it('does the same for a 504 of a proxy in between', async () => {
      deployed();
      far.change = (sent, _method, respond) => {
        far.shown = showing(sent);
        respond(504, '<html>Gateway Timeout</html>');
      };
      assert.deepEqual([(await deploy()).verdict, far.count('PUT')], ['ready', 1]);
    });
  });

  it('does not call a function on faasd before a cut-off update has started it', async () => {
    deployed();
    far.change = (sent, _method, respond) => {
      far.shown = showing(sent, {});
      respond(504, '');
    };
    far.read = (number) => {
      if (number === 6 && far.sent[0] !== undefined) {
        assert.equal(far.count('ready'), 0);
        far.shown = showing(far.sent[0]);
      }
      return undefined;
    };
    assert.equal((await deploy({ dialect: faasd })).verdict, 'ready');
  });

  it('does not know what became of a cut-off update that never shows', async () => {
    deployed();
    far.change = (_sent, _method, respond) => respond(504, 'upstream timeout');
    const outcome = await deploy();
    assert.deepEqual([outcome.verdict, outcome.failure?.code, far.count('PUT')], ['unknown', 'BAN-E405', 1]);
    assert.match(outcome.failure?.message ?? '', /upstream timeout/);
  });

  describe('while it watches', () => {
    it('waits until the old replica stops answering in between', async () => {
      deployed();
      let free: number | undefined;
      far.ready = (number) => {
        const time = clock.now();
        free ??= time + 4000;
        return time < free && number % 2 === 0 ? answering('old', 'pod-old') : answering('new', 'pod-new');
      };
      const outcome = await deploy();
      assert.equal(outcome.verdict, 'ready');
      assert.ok(
        (outcome.answersAfterMilliseconds ?? 0) >= 3900,
        `said to answer after ${outcome.answersAfterMilliseconds}`,
      );
      assert.ok((outcome.counts?.firstAnswerMilliseconds ?? 9999) < 1000);
      assert.ok((outcome.counts?.otherAnswers ?? 0) > 10);
    });

    it('fails when the old code never goes (a stuck rollout, which the status calls available)', async () => {
      deployed();
      far.ready = () => answering('old', 'pod-old');
      const outcome = await deploy({ timeout: 10_000 });
      assert.deepEqual(
        [outcome.verdict, outcome.failure?.code, outcome.replicas],
        ['not-ready', 'BAN-E502', { wanted: 1, available: 1, seen: 0 }],
      );
      assert.match(outcome.failure?.message ?? '', /within 10 s: other code still answers \(deploy old\)/);
      assert.match(outcome.failure?.hint ?? '', /wrote no log.*kubectl/);
      assert.equal(outcome.counts?.answers, 0);
    });

    it('takes everything odd for not yet: 301 to /ui/, a hang, EOF, a page, 404, 500, 503', async () => {
      deployed();
      const odd = [
        saying(301, '', { location: '/ui/' }),
        () => {},
        (response: { destroy(): unknown }) => void response.destroy(),
        saying(502, '<html>', { 'content-type': 'text/html' }),
        saying(404, 'error finding function'),
        saying(500),
        saying(503, 'No endpoints available for: hello.'),
        answering('new', 'pod-1', 503),
      ];
      far.ready = (number) => odd[number] ?? answering('new');
      const outcome = await deploy();
      assert.equal(outcome.verdict, 'ready');
      assert.deepEqual(outcome.counts?.notYet, {
        '301 to /ui/': 1,
        'no answer within 0.15 s': 1,
        'connection closed without an answer': 1,
        '502 with a web page': 1,
        '404 error finding function': 1,
        '500': 1,
        '503 No endpoints available for: hello.': 1,
        'it calls itself not ready (503)': 1,
      });
    });

    it('waits for all replicas, and tells how many it saw', async () => {
      deployed('r0', 'old');
      far.change = (sent, _method, respond) => {
        far.shown = showing(sent, { replicas: 3, availableReplicas: 3 });
        respond(202);
      };
      far.ready = (number) => answering('new', `pod-${number % 3}`);
      assert.deepEqual((await deploy()).replicas, { wanted: 3, available: 3, seen: 3 });
      far.shown = undefined;
      far.ready = (number) => answering('new', `pod-${number % 2}`);
      const outcome = await deploy({ timeout: 8000 });
      assert.deepEqual([outcome.verdict, outcome.replicas.seen], ['not-ready', 2]);
      assert.match(outcome.failure?.message ?? '', /2 of 3 replicas answered/);
    });

    it('shows the last lines of a function that crashes in a loop', async () => {
      far.ready = (number) =>
        number % 9 === 8 ? answering('new', 'pod-1') : saying(503, 'No endpoints available for: hello.');
      far.logs = saying(
        200,
        `${Array.from({ length: 30 }, (_, line) => JSON.stringify({ instance: 'hello-abc', timestamp: '2026-01-01T00:00:00Z', text: `line ${line}\n` })).join('\n')}\n${JSON.stringify({ instance: 'hello-abc', timestamp: '2026-01-01T00:00:01Z', text: 'exec /fn: exec format error\n' })}\n`,
      );
      const outcome = await deploy({ timeout: 12_000 });
      assert.deepEqual(
        [outcome.action, outcome.verdict, outcome.failure?.code, outcome.logLines.length],
        ['created', 'not-ready', 'BAN-E502', 20],
      );
      assert.equal(outcome.failure?.details?.at(-1), 'hello-abc | exec /fn: exec format error');
      assert.match(outcome.failure?.hint ?? '', /another processor/);
    });

    it('fails all the same when the log cannot be had', async () => {
      far.ready = () => saying(503);
      far.logs = saying(500, 'unknown log request error');
      const outcome = await deploy({ timeout: 2000 });
      assert.deepEqual([outcome.failure?.code, outcome.logLines], ['BAN-E502', []]);
    });

    it('keeps its verdict when the log is no log', async () => {
      far.ready = () => saying(503);
      far.logs = saying(200, 'x'.repeat((1 << 20) + 100_000));
      const outcome = await deploy({ timeout: 2000 });
      assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['created', 'not-ready', 'BAN-E502']);
    });

    it('is not taken in by faasd, which shows a function that has exited without replicas', async () => {
      far.read = () => {
        const body = far.sent[0];
        if (body !== undefined) far.shown = showing(body, clock.now() < 1800 ? undefined : {});
        return undefined;
      };
      const outcome = await deploy({ dialect: faasd, timeout: 8000 });
      assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['created', 'not-ready', 'BAN-E502']);
      assert.match(outcome.failure?.message ?? '', /shows no replica of it: it has exited, or was scaled to zero/);
      assert.match(
        outcome.failure?.hint ?? '',
        /^if it was scaled to zero on purpose: bantam fn scale hello 1; it wrote no log/,
      );
    });

    it('asks several replicas at once where many are wanted, eight at most', async () => {
      far.change = (sent, _method, respond) => {
        far.shown = showing(sent, { replicas: 30, availableReplicas: 30 });
        respond(202);
      };
      let open = 0;
      let most = 0;
      far.ready = (number) => (response, request) => {
        most = Math.max(most, ++open);
        setTimeout(() => {
          open--;
          answering('new', `pod-${number % 30}`)(response, request);
        }, 5);
      };
      const warnings: string[] = [];
      const onWarning = (warning: Error): void => void warnings.push(warning.message);
      const stop = new AbortController();
      // Other functions that wait at the same time, on the same signal.
      for (let other = 0; other < 5; other++) stop.signal.addEventListener('abort', () => {});
      process.on('warning', onWarning);
      const outcome = await deploy({ signal: stop.signal });
      process.off('warning', onWarning);
      assert.deepEqual([outcome.verdict, outcome.replicas.seen], ['ready', 30]);
      assert.ok(most > 1 && most <= 8, `${most} at once`);
      assert.deepEqual(warnings, [], 'Node takes many listeners of one signal for a leak');
    });

    it('says what a bug of bantam came after', async () => {
      const outcome = await deploy({
        probe: {
          probe: async () => {
            throw new TypeError('probe is broken');
          },
          ask: async () => ({ kind: 'not-yet', reason: '' }),
        },
      });
      assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['created', 'unknown', 'BAN-BUG']);
      assert.match(outcome.failure?.message ?? '', /probe is broken/);
    });

    it('stops when somebody else has deployed', async () => {
      deployed();
      far.ready = (number) => {
        if (number === 3 && far.sent[0] !== undefined)
          far.shown = showing({ ...far.sent[0], annotations: { 'bantam.deploy': 'third', 'bantam.revision': 'x' } });
        return number < 3 ? answering('old') : answering('third');
      };
      const outcome = await deploy();
      assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['updated', 'superseded', 'BAN-E504']);
      assert.match(outcome.failure?.message ?? '', /deploy third took its place/);
      assert.equal(far.count('logs'), 0);
    });

    it('stops at once when the gateway refuses the credentials', async () => {
      deployed();
      far.read = (number) => (number === 3 ? saying(401, 'invalid credentials') : undefined);
      far.ready = () => saying(503);
      const outcome = await deploy();
      assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['updated', 'unknown', 'BAN-E402']);
      assert.equal(far.trail.filter((entry) => entry === 'read').length, 4);
    });

    it('waits out a gateway that fails for a while', async () => {
      deployed();
      far.read = (number) => (number >= 2 && number <= 4 ? saying(502) : undefined);
      assert.equal((await deploy()).verdict, 'ready');
    });

    it('stops when it is told to', async () => {
      const stop = new AbortController();
      far.ready = (number) => {
        if (number === 2) stop.abort();
        return saying(503);
      };
      await assert.rejects(deploy({ signal: stop.signal }), Interrupted);
    });
  });

  it('stops while it sends', async () => {
    const stop = new AbortController();
    far.change = () => stop.abort();
    await assert.rejects(deploy({ signal: stop.signal }), Interrupted);
    assert.equal(far.sent.length, 1);
  });

  it('tells that nothing was done when the gateway cannot be asked', async () => {
    for (const [reply, code] of [
      [saying(401), 'BAN-E402'],
      [saying(502), 'BAN-E405'],
      [saying(301, '', { location: '/ui/' }), 'BAN-E403'],
      [(response: { destroy(): unknown }) => void response.destroy(), 'BAN-E401'],
    ] as const) {
      far.read = () => reply;
      const outcome = await deploy();
      assert.deepEqual([outcome.action, outcome.verdict, outcome.failure?.code], ['none', 'unknown', code]);
    }
    assert.equal(far.sent.length, 0);
  });

  it('relies on the code alone where the status shows no annotations', async () => {
    far.change = (sent, _method, respond) => {
      far.shown = { name: sent.service, image: sent.image, replicas: 1, availableReplicas: 1 };
      respond(200);
    };
    assert.equal((await deploy({ dialect: strange })).verdict, 'ready');
  });

  describe('from a foreign template', () => {
    const foreign = { image: { bantamRuntime: false } };

    it('is accepted, unproven, and never called', async () => {
      deployed();
      const outcome = await deploy(foreign);
      assert.deepEqual(
        [outcome.action, outcome.verdict, outcome.failure, outcome.remark],
        ['updated', 'unproven', undefined, 'accepted; nothing proves which code answers'],
      );
      assert.equal(far.trail.filter((entry) => !['read', 'PUT'].includes(entry)).length, 0);
    });

    it('must stay available: the 1/1 of a function that exits at start is not enough', async () => {
      far.read = (number) => {
        if (number === 4 && far.sent[0] !== undefined) far.shown = showing(far.sent[0], {});
        return undefined;
      };
      const outcome = await deploy({ ...foreign, dialect: faasd, timeout: 8000 });
      assert.deepEqual([outcome.verdict, outcome.failure?.code], ['not-ready', 'BAN-E507']);
      assert.match(outcome.failure?.message ?? '', /0 of 1 replicas are available/);
    });

    it('is asked at its own path, if one is named', async () => {
      let calls = 0;
      far.openPath = {
        path: '/healthz',
        respond: (response, request) => saying(++calls < 4 ? 500 : 200)(response, request),
      };
      const outcome = await deploy({ ...foreign, fn: { probe: '/healthz' } });
      assert.equal(outcome.verdict, 'unproven');
      assert.ok(far.count('/healthz') > 4);
      far.openPath = { path: '/healthz', respond: saying(500, 'no database') };
      far.shown = undefined;
      const failed = await deploy({ ...foreign, fn: { probe: '/healthz' }, timeout: 5000 });
      assert.match(failed.failure?.message ?? '', /\/healthz: 500 no database/);
    });

    it('sees that somebody else deployed or removed it', async () => {
      far.read = (number) => {
        if (number === 4 && far.sent[0] !== undefined) far.shown = showing({ ...far.sent[0], annotations: {} });
        return undefined;
      };
      assert.deepEqual((await deploy(foreign)).failure?.code, 'BAN-E504');
    });

    it('sends nothing for the same revision', async () => {
      deployed(revisionOf(declare(), image), 'old');
      const outcome = await deploy(foreign);
      assert.deepEqual([outcome.action, outcome.verdict, far.sent.length], ['unchanged', 'unproven', 0]);
    });
  });
});
