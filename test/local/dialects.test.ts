import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import * as v from 'valibot';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { chooseDialect } from '../../cli/local/dialect/choose-dialect.ts';
import type { Dialect } from '../../cli/local/dialect/dialect.ts';
import { faasNetes, faasNetesCommunity } from '../../cli/local/dialect/faas-netes.ts';
import { faasd } from '../../cli/local/dialect/faasd.ts';
import { faasdReference, referenceProblem } from '../../cli/local/dialect/faasd-image.ts';
import { createGateway } from '../../cli/local/gateway/gateway.ts';
import { type Listener, listen } from '../../cli/local/gateway/listen.ts';
import type { FunctionState } from '../../cli/local/replicas/provider.ts';
import { SecretStore } from '../../cli/local/state/secret-store.ts';
import { dialectOf } from '../../cli/openfaas/dialects.ts';
import { functionStatusSchema, infoSchema } from '../../cli/openfaas/wire.ts';
import { ScriptedProvider } from './scripted-provider.ts';

/** A gateway before a provider that a test moves by hand. */
interface Bench {
  readonly provider: ScriptedProvider;
  readonly closing: AbortController;
  ask(method: string, path: string, body?: unknown): Promise<readonly [status: number, text: string]>;
  /** Calls a function: no credentials. */
  call(name: string): Promise<readonly [status: number, text: string]>;
}

describe('the dialects of the embedded gateway', () => {
  let folder: string;
  const undo: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bantam-dialects-'));
  });
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
    await rm(folder, { recursive: true, force: true });
  });

  /** Nobody waits for an answer of a function that a test has not started. */
  async function open(dialect: Dialect, firstAnswer = 0): Promise<Bench> {
    const provider = new ScriptedProvider();
    const closing = new AbortController();
    const secrets = await SecretStore.open(join(folder, 'secrets'));
    const credentials = { user: 'admin', password: 'x' };
    const listener: Listener = await listen(
      '127.0.0.1',
      0,
      createGateway({
        provider,
        secrets,
        dialect: { ...dialect, firstAnswer },
        credentials,
        version: '9.9.9',
        closing: closing.signal,
      }),
    );
    undo.push(async () => {
      closing.abort();
      await listener.close();
    });
    const url = (path: string) => `http://127.0.0.1:${listener.port}${path}`;
    const headers = {
      authorization: `Basic ${Buffer.from('admin:x').toString('base64')}`,
      'content-type': 'application/json',
    };
    return {
      provider,
      closing,
      async ask(method, path, body) {
        const text = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
        const answer = await fetch(url(path), { method, headers, ...text });
        return [answer.status, await answer.text()];
      },
      async call(name) {
        const answer = await fetch(url(`/function/${name}`));
        return [answer.status, await answer.text()];
      },
    };
  }

  const deployment = (service: string, more: object = {}) => ({ service, image: 'registry.lan:5000/fn:1', ...more });
  const replicasOf = async ({ ask }: Bench, name: string): Promise<number> => {
    const [, text] = await ask('GET', `/system/function/${name}`);
    return v.parse(functionStatusSchema, JSON.parse(text)).replicas;
  };

  describe('by name', () => {
    it('are chosen', () => {
      assert.equal(chooseDialect(), faasNetes);
      assert.equal(chooseDialect('faas-netes', true), faasNetesCommunity);
      assert.equal(chooseDialect('faasd'), faasd);
    });

    for (const [name, edition, text] of [
      ['knative', false, /does not speak as "knative"/],
      ['faasd', true, /no Community Edition/],
    ] as const)
      it(`are refused: ${name}${edition ? ' --ce' : ''}`, () => {
        assert.throws(
          () => chooseDialect(name, edition),
          (error: unknown) => error instanceof UserError && error.code === 'BAN-E630' && text.test(error.message),
        );
      });

    for (const dialect of [faasNetes, faasNetesCommunity, faasd])
      it(`are known to bantam's own client: ${dialect.title}`, async () => {
        const { ask } = await open(dialect);
        const info = v.parse(infoSchema, JSON.parse((await ask('GET', '/system/info'))[1]));
        const known = dialectOf(info);
        assert.deepEqual([known.spoken, known.local], [dialect.name, true]);
      });
  });

  for (const dialect of [faasNetes, faasNetesCommunity, faasd])
    describe(`bad input: ${dialect.title}`, () => {
      it('ignores fields of a deployment that nobody knows', async () => {
        const { ask, provider } = await open(dialect);
        const [status] = await ask(
          'POST',
          '/system/functions',
          deployment('odd', { network: 'x', registryAuth: { a: 1 } }),
        );
        assert.equal(status, dialect === faasd ? 200 : 202);
        assert.deepEqual(Object.keys(provider.applied[0]?.deployment ?? {}).includes('network'), false);
      });

      it('refuses numbers that are no numbers of replicas', async () => {
        const bench = await open(dialect);
        await bench.ask('POST', '/system/functions', deployment('there'));
        for (const number of ['-1', '1.5', '1e400', '1e300', '99999999999999999999', '"2"', 'null', '[]'])
          assert.deepEqual(
            await bench.ask('POST', '/system/scale-function/there', `{"serviceName":"there","replicas":${number}}`),
            [400, 'Error unmarshalling request body\n'],
            number,
          );
        assert.equal(bench.provider.applied.length, 1);
      });

      it('lets no name lead out of where it belongs', async () => {
        const bench = await open(dialect);
        for (const name of ['../up', '..', '.', '/etc/passwd', 'a/b', 'a\\b', 'a\u0000b', '%2e%2e', '']) {
          const [created] = await bench.ask('POST', '/system/functions', deployment(name));
          assert.equal(created, 400, JSON.stringify(name));
          const [read] = await bench.ask('GET', `/system/function/${encodeURIComponent(name)}`);
          assert.ok(read === 404 || read === 400 || read === 405, `${JSON.stringify(name)}: ${read}`);
          const [secret] = await bench.ask('POST', '/system/secrets', { name, value: 'x' });
          assert.ok(secret >= 400, `secret ${JSON.stringify(name)}: ${secret}`);
        }
        assert.deepEqual(bench.provider.applied, []);
        assert.equal((await bench.ask('GET', '/system/secrets'))[1], '[]');
      });

      it('takes five hundred functions', async () => {
        const bench = await open(dialect);
        const names = Array.from({ length: 500 }, (_, index) => `crowd-${index}`);
        await Promise.all(names.map((name) => bench.ask('POST', '/system/functions', deployment(name))));
        const [status, text] = await bench.ask('GET', '/system/functions');
        const listed = v.parse(v.array(functionStatusSchema), JSON.parse(text));
        assert.deepEqual([status, listed.map(({ name }) => name).sort()], [200, names.sort()]);
        assert.equal((await bench.ask('GET', '/system/function/crowd-499'))[0], 200);
      });

      it('never throws, whatever a deployment says', () => {
        const text = fc.string({ unit: 'grapheme', maxLength: 12 });
        const strings = fc.option(fc.dictionary(text, text, { maxKeys: 3 }), { nil: undefined });
        const resources = fc.option(fc.record({ memory: text, cpu: text }, { requiredKeys: [] }), { nil: undefined });
        const body = fc.record({
          service: text,
          image: fc.oneof(text, fc.constantFrom('a', 'a/b:c', 'A/B C', 'reg:5/a@sha256:x', 'localhost/a')),
          envVars: strings,
          labels: strings,
          annotations: strings,
          limits: resources,
          requests: resources,
          secrets: fc.option(fc.array(text, { maxLength: 2 }), { nil: undefined }),
        });
        fc.assert(
          fc.property(body, fc.boolean(), (sent, exists) => {
            const existing = exists ? stateOf(dialect, 'there') : undefined;
            for (const kind of ['create', 'update'] as const) {
              const facts = { existing, generation: '0123456789abcdef', hasSecret: () => true };
              const judged = dialect[kind](sent, '', facts);
              const decisions =
                'prepare' in judged
                  ? [judged.decide(undefined), judged.decide(new UserError('BAN-E301', 'no answer'))]
                  : [judged];
              for (const { reply, apply } of decisions) {
                assert.ok(reply.status >= 200 && reply.status < 600);
                if (apply === undefined) continue;
                const state = { ...stateOf(dialect, apply.deployment.service), deployment: apply.deployment };
                JSON.stringify(dialect.describe(state, 'list'));
              }
            }
          }),
        );
      });
    });

  describe('faas-netes without the limits of the Community Edition', () => {
    it('scales to nothing and back, and starts as many as a label says', async () => {
      const bench = await open(faasNetes);
      const labels = {
        'com.openfaas.scale.min': '3',
        'com.openfaas.scale.max': '20',
        'com.openfaas.scale.zero': 'true',
      };
      assert.equal((await bench.ask('POST', '/system/functions', deployment('wide', { labels })))[0], 202);
      assert.equal(await replicasOf(bench, 'wide'), 3);
      for (const replicas of [0, 12, 1]) {
        assert.deepEqual(await bench.ask('POST', '/system/scale-function/wide', { serviceName: 'wide', replicas }), [
          202,
          '',
        ]);
        assert.equal(await replicasOf(bench, 'wide'), replicas);
      }
      await bench.ask('PUT', '/system/functions', deployment('wide', { labels }));
      assert.equal(await replicasOf(bench, 'wide'), 3, 'an update brings it to its least');
      await bench.ask('POST', '/system/scale-function/wide', { serviceName: 'wide', replicas: 0 });
      await bench.ask('PUT', '/system/functions', deployment('wide', { labels }));
      assert.equal(await replicasOf(bench, 'wide'), 0, 'but does not start what was scaled to nothing');
    });

    it('starts no crowd that takes the whole machine', async () => {
      const bench = await open(faasNetes);
      const labels = { 'com.openfaas.scale.min': '1000' };
      const [status, text] = await bench.ask('POST', '/system/functions', deployment('crowd', { labels }));
      assert.deepEqual([status, bench.provider.applied.length], [400, 0]);
      assert.match(text, /1000 is more than the 100 replicas/);
      await bench.ask('POST', '/system/functions', deployment('crowd'));
      assert.equal((await bench.ask('POST', '/system/scale-function/crowd', { replicas: 101 }))[0], 400);
      assert.equal(await replicasOf(bench, 'crowd'), 1);
    });

    it('starts a function at nothing when it is called, once for all who wait, and answers', async () => {
      const bench = await open(faasNetes);
      const answering = await listen('127.0.0.1', 0, {
        request: (_, outgoing) => void outgoing.end('awake'),
        upgrade: (_, socket) => void socket.destroy(),
      });
      undo.push(() => answering.close());
      await bench.ask('POST', '/system/functions', deployment('lazy', { labels: { 'com.openfaas.scale.min': '2' } }));
      await bench.ask('POST', '/system/scale-function/lazy', { replicas: 0 });
      const before = bench.provider.applied.length;
      const calls = [bench.call('lazy'), bench.call('lazy')];
      while (bench.provider.applied.length === before) await new Promise((resolve) => setImmediate(resolve));
      bench.provider.addresses.set('lazy', [`http://127.0.0.1:${answering.port}`]);
      assert.deepEqual(await Promise.all(calls), [
        [200, 'awake'],
        [200, 'awake'],
      ]);
      assert.deepEqual(
        bench.provider.applied.slice(before).map(({ replicas, generation }) => [replicas, generation]),
        [[2, bench.provider.applied[0]?.generation]],
        'no rollout, and only one start',
      );
    });

    it('lets a call go whose function is removed while it waits', async () => {
      const bench = await open(faasNetes);
      await bench.ask('POST', '/system/functions', deployment('gone'));
      await bench.ask('POST', '/system/scale-function/gone', { replicas: 0 });
      const before = bench.provider.applied.length;
      const call = bench.call('gone');
      while (bench.provider.applied.length === before) await new Promise((resolve) => setImmediate(resolve));
      await bench.ask('DELETE', '/system/functions', { functionName: 'gone' });
      assert.deepEqual(await call, [503, 'No endpoints available for: gone.']);
    });
  });

  describe('faasd', () => {
    it('makes the changes of one function one after the other, and those of others beside them', async () => {
      const bench = await open(faasd);
      const started: string[] = [];
      const waiting: (() => void)[] = [];
      bench.provider.settled = async (name?: string) => {
        started.push(name ?? '');
        await new Promise<void>((resolve) => waiting.push(resolve));
      };
      const first = bench.ask('POST', '/system/functions', deployment('one'));
      const other = bench.ask('POST', '/system/functions', deployment('two'));
      while (started.length < 2) await new Promise((resolve) => setImmediate(resolve));
      const again = bench.ask('PUT', '/system/functions', deployment('one', { image: 'registry.lan:5000/fn:2' }));
      assert.equal((await bench.ask('GET', '/system/function/one'))[0], 200, 'reading waits for nobody');
      assert.deepEqual([...started].sort(), ['one', 'two']);
      for (const go of waiting.splice(0)) go();
      assert.deepEqual([(await first)[0], (await other)[0]], [200, 200]);
      while (started.length < 3) await new Promise((resolve) => setImmediate(resolve));
      for (const go of waiting.splice(0)) go();
      assert.deepEqual(await again, [200, '']);
      const [oldest, , newest] = bench.provider.applied;
      assert.notEqual(oldest?.generation, newest?.generation);
      assert.equal(newest?.strategy, 'replace');
    });

    it('answers a change when the function does, and not much later where it does not', async () => {
      const bench = await open(faasd, 60_000);
      let answered = false;
      const change = bench.ask('POST', '/system/functions', deployment('soon')).finally(() => {
        answered = true;
      });
      while (bench.provider.applied.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await bench.ask('GET', '/system/function/soon');
      assert.equal(answered, false);
      bench.provider.available('soon', 1);
      assert.deepEqual(await change, [200, '']);
      const hasty = await open(faasd, 1);
      assert.deepEqual(await hasty.ask('POST', '/system/functions', deployment('never')), [200, '']);
    });

    describe('with a function whose image does not come', () => {
      const slow = deployment('one', { image: 'registry.lan:5000/slow:1' });
      /** Asks for a change of the slow image, and for its end of the matter. */
      const begin = async (bench: Bench, method: 'POST' | 'PUT') => {
        let arrive = (): void => undefined;
        let asked = false;
        let interrupted = false;
        bench.provider.prepare = async (...given: readonly unknown[]) => {
          const [{ image }, signal] = given as [{ image: string }, AbortSignal];
          if (!image.includes('slow')) return { environment: {} };
          asked = true;
          await new Promise<void>((resolve) => {
            arrive = resolve;
            signal.addEventListener('abort', () => resolve());
          });
          interrupted = signal.aborted;
          if (interrupted) throw new Interrupted();
          return { environment: {} };
        };
        const change = bench.ask(method, '/system/functions', slow);
        while (!asked) await new Promise((resolve) => setImmediate(resolve));
        return { change, arrive: () => arrive(), interrupted: () => interrupted };
      };
      const givenUp = [500, 'one was changed by a later request, so that this one was given up\n'];

      it('takes the next image without waiting, and never goes back to the first', async () => {
        const bench = await open(faasd);
        assert.deepEqual(await bench.ask('POST', '/system/functions', deployment('one')), [200, '']);
        const { change, interrupted } = await begin(bench, 'PUT');
        const right = deployment('one', { image: 'registry.lan:5000/fn:2' });
        assert.deepEqual(await bench.ask('PUT', '/system/functions', right), [200, '']);
        assert.deepEqual(await change, givenUp);
        assert.ok(interrupted());
        assert.equal(bench.provider.find('one')?.deployment.image, 'registry.lan:5000/fn:2');
        assert.equal(bench.provider.applied.length, 2);
      });

      it('is not given up for a change that is refused', async () => {
        const bench = await open(faasd);
        const { change, arrive } = await begin(bench, 'POST');
        const refused = await bench.ask('POST', '/system/functions', deployment('one', { secrets: ['nobody'] }));
        assert.deepEqual(refused, [400, 'unable to find secret: nobody\n']);
        arrive();
        assert.deepEqual(await change, [200, '']);
      });

      it('is removed without waiting, and does not come after all', async () => {
        const bench = await open(faasd);
        const { change } = await begin(bench, 'POST');
        const removed = await bench.ask('DELETE', '/system/functions', { functionName: 'one' });
        assert.deepEqual(removed, [404, 'service one not found\n']);
        assert.deepEqual(await change, givenUp);
        assert.deepEqual(bench.provider.applied, []);
        assert.deepEqual(await bench.ask('POST', '/system/functions', deployment('one')), [200, '']);
      });
    });

    it('removes a function whose change never settles, and what comes then waits for its end', async () => {
      const bench = await open(faasd);
      const { provider } = bench;
      let settling = 0;
      provider.settled = async (...given: readonly unknown[]) => {
        const name = String(given[0]);
        settling += 1;
        while (settling === 1 && provider.find(name)?.removing === false)
          await new Promise((resolve) => setImmediate(resolve));
      };
      const change = bench.ask('POST', '/system/functions', deployment('one'));
      while (settling === 0) await new Promise((resolve) => setImmediate(resolve));
      const removal = bench.ask('DELETE', '/system/functions', { functionName: 'one' });
      assert.deepEqual(await change, [200, '']);
      assert.deepEqual(await bench.ask('DELETE', '/system/functions', { functionName: 'one' }), [
        404,
        'service one not found\n',
      ]);
      const again = bench.ask('POST', '/system/functions', deployment('one'));
      await bench.ask('GET', '/healthz');
      assert.equal(provider.applied.length, 1, 'the old one is not gone');
      provider.finishRemoval('one');
      assert.deepEqual(await removal, [200, '']);
      assert.deepEqual(await again, [200, '']);
    });

    it('answers all that wait for their turn when it is stopped', async () => {
      const bench = await open(faasd);
      bench.provider.settled = async (...given: readonly unknown[]) => {
        const signal = given[2];
        assert.ok(signal instanceof AbortSignal);
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw new Interrupted();
      };
      const first = bench.ask('POST', '/system/functions', deployment('one'));
      while (bench.provider.applied.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const others = [2, 3].map((tag) =>
        bench.ask('PUT', '/system/functions', deployment('one', { image: `registry.lan:5000/fn:${tag}` })),
      );
      await bench.ask('GET', '/healthz');
      bench.closing.abort();
      for (const answer of [first, ...others]) assert.deepEqual(await answer, [503, 'the local gateway is stopping\n']);
      assert.equal(bench.provider.applied.length, 1);
    });

    it('says that it stops when it is stopped in the middle of a change', async () => {
      const bench = await open(faasd);
      bench.provider.prepare = async (...given: readonly unknown[]) => {
        const signal = given[1];
        assert.ok(signal instanceof AbortSignal);
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw new Interrupted();
      };
      const change = bench.ask('POST', '/system/functions', deployment('late'));
      await bench.ask('GET', '/healthz');
      bench.closing.abort();
      assert.deepEqual(await change, [503, 'the local gateway is stopping\n']);
      assert.deepEqual(bench.provider.applied, []);
    });

    for (const [problem, text] of [
      [
        new UserError('BAN-E302', 'the registry refuses the credentials'),
        'cannot pull: the registry refuses the credentials',
      ],
      [new UserError('BAN-E613', 'nobody of this machine built it'), 'cannot pull: nobody of this machine built it'],
    ] as const)
      it(`says why an image cannot be had: ${problem.code}`, async () => {
        const bench = await open(faasd);
        bench.provider.prepare = async () => {
          throw problem;
        };
        assert.deepEqual(await bench.ask('POST', '/system/functions', deployment('a')), [
          400,
          `unable to pull image registry.lan:5000/fn:1: ${text}\n`,
        ]);
      });

    it('names images with the registry and the tag that are meant', () => {
      for (const [written, shown] of [
        ['hello', 'docker.io/library/hello:latest'],
        ['functions/alpine', 'docker.io/functions/alpine:latest'],
        ['127.0.0.1:8585/hello:1', '127.0.0.1:8585/hello:1'],
        [`a/b@sha256:${'0'.repeat(64)}`, `docker.io/a/b@sha256:${'0'.repeat(64)}`],
      ] as const)
        assert.equal(faasdReference(written), shown);
    });

    it('says what is wrong with a reference', () => {
      assert.equal(
        referenceProblem('reg.lan/Hello:1'),
        'invalid reference format: repository name (Hello) must be lowercase',
      );
      assert.equal(referenceProblem('hello:'), 'invalid reference format');
      assert.equal(referenceProblem('hello:1'), undefined);
    });

    it('tells the limit of memory as a list does: in the largest unit that holds it', () => {
      for (const [asked, told] of [
        ['64Mi', '64Mi'],
        ['1024Ki', '1Mi'],
        ['1500', '1500'],
        ['1.5Gi', '1536Mi'],
        ['0', undefined],
        ['64MB!', undefined],
      ] as const) {
        const state = stateOf(faasd, 'a');
        const described = faasd.describe(
          { ...state, deployment: { ...state.deployment, limits: { memory: asked } } },
          'list',
        );
        assert.deepEqual(described['limits'], told === undefined ? undefined : { memory: told }, asked);
      }
    });

    it('shows the process of the watchdog apart from the environment', () => {
      const state = stateOf(faasd, 'a');
      const described = faasd.describe(
        {
          ...state,
          imageEnvironment: { PATH: '/bin', fprocess: 'cat', MODE: 'image' },
          deployment: { ...state.deployment, envProcess: 'env FOO=1', envVars: { MODE: 'own=x' } },
        },
        'one',
      );
      assert.deepEqual([described['envProcess'], described['envVars']], ['env FOO', { MODE: 'own' }]);
    });

    it('keeps a name for secrets that Kubernetes would take too', async () => {
      const { ask } = await open(faasd);
      const [status, text] = await ask('POST', '/system/secrets', { name: 'Api_Key', value: 'x' });
      assert.equal(status, 400);
      assert.match(text, /"Api_Key" is no name that Kubernetes would take too/);
      assert.deepEqual(await ask('POST', '/system/secrets', { name: 'api-key', value: 'x', rawValue: '' }), [200, '']);
    });
  });
});

function stateOf({ namespace }: Dialect, name: string): FunctionState {
  return {
    name,
    generation: '0123456789abcdef',
    createdAt: '2026-01-01T00:00:00.000Z',
    deployment: { service: name, image: 'registry.lan:5000/fn:1', namespace },
    replicas: 1,
    availableReplicas: 1,
    removing: false,
    faults: [],
    replicaStates: [],
  };
}
