import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import * as v from 'valibot';
import { type Dialect, dialectOf } from '../../cli/openfaas/dialects.ts';
import { functionStatusSchema, infoSchema, logLineSchema } from '../../cli/openfaas/wire.ts';
import { buildImage, type ImageWish, pushImage } from '../local/test-image.ts';

/** A gateway that the suite may use as it likes, except functions and secrets that do not begin with `suite-`. */
export interface SuiteTarget {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** As both this machine and the gateway's nodes name it. */
  readonly registry: string;
  /** Processors of the nodes. */
  readonly platforms: ImageWish['platforms'];
  close(): Promise<void>;
}

/** How long anything may take on the slowest gateway, in milliseconds. */
const patience = 60_000;

/**
 * What every OpenFaaS gateway does, told as its dialect tells it: asked over plain HTTP, of the embedded gateway in both dialects and with both providers, and
 * of any real one that `npm run test:gateway` names.
 */
export function describeGateway(title: string, open: (context: Mocha.Context) => Promise<SuiteTarget>): void {
  describe(title, function () {
    this.timeout(3 * patience);
    let target: SuiteTarget;
    let dialect: Dialect;
    let suffix: string;

    const ask = (method: string, path: string, body?: unknown): Promise<Response> =>
      fetch(`${target.url}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          authorization: `Basic ${Buffer.from(`${target.user}:${target.password}`).toString('base64')}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(patience),
      });
    const answer = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: string }> => {
      const response = await ask(method, path, body);
      return { status: response.status, body: await response.text() };
    };
    const call = (name: string, path = '', init: RequestInit = {}): Promise<Response> =>
      fetch(`${target.url}/function/${name}${path}`, {
        redirect: 'manual',
        signal: AbortSignal.timeout(patience),
        ...init,
      });
    // A real faasd may let a call hang that comes while the function is replaced.
    const tryCall = (name: string): Promise<Response | undefined> =>
      call(name, '', { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    const versionOf = async (name: string): Promise<string | undefined> => {
      const response = await tryCall(name);
      if (response?.status !== 200) return void (await response?.body?.cancel());
      return v.parse(v.object({ version: v.string() }), await response.json()).version;
    };
    const answers = (name: string, version: string): Promise<void> =>
      until(`${name} answers as version ${version}`, async () => (await versionOf(name)) === version);
    const read = async (name: string): Promise<v.InferOutput<typeof functionStatusSchema> | undefined> => {
      const response = await ask('GET', `/system/function/${name}`);
      if (response.status !== 404) return v.parse(functionStatusSchema, await response.json());
      return void (await response.body?.cancel());
    };
    const available = (name: string, replicas: number): Promise<void> =>
      until(`${name} has ${replicas} replicas`, async () => (await read(name))?.availableReplicas === replicas);
    const gone = (name: string): Promise<void> =>
      until(`${name} is gone`, async () => (await read(name)) === undefined);
    const push = async (version: string, environment: Readonly<Record<string, string>> = {}): Promise<string> => {
      const image = await buildImage({
        platforms: target.platforms,
        environment: { VERSION: version, ...environment },
      });
      return pushImage(target.registry, `suite-${suffix}:${version}`, image);
    };
    const create = async (service: string, image: string, more: object = {}): Promise<void> => {
      const created = await answer('POST', '/system/functions', { service, image, ...more });
      assert.deepEqual(dialect.judgeCreate(created), { verdict: 'accepted' }, JSON.stringify(created));
      assert.equal(created.body, '');
    };
    const lines = async (query: string): Promise<v.InferOutput<typeof logLineSchema>[]> => {
      const { status, body } = await answer('GET', `/system/logs?follow=false&${query}`);
      assert.equal(status, 200, body);
      return body
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => v.parse(logLineSchema, JSON.parse(line)));
    };
    const clear = async (): Promise<void> => {
      const listed = v.parse(v.array(functionStatusSchema), await (await ask('GET', '/system/functions')).json());
      const ours = listed.map(({ name }) => name).filter((name) => name.startsWith('suite-'));
      for (const functionName of ours) await answer('DELETE', '/system/functions', { functionName });
      for (const name of ours) await gone(name);
      await answer('DELETE', '/system/secrets', { name: 'suite-token' });
    };

    before(async function () {
      target = await open(this);
      suffix = Math.random().toString(36).slice(2, 8);
      dialect = dialectOf(v.parse(infoSchema, await (await ask('GET', '/system/info')).json()));
      assert.notEqual(dialect.spoken, 'unknown', dialect.title);
      await clear();
    });
    after(async () => {
      if (target === undefined) return;
      await clear().finally(() => target.close());
    });

    it('says what it is, and to whom', async () => {
      assert.equal((await fetch(`${target.url}/healthz`)).status, 200);
      assert.deepEqual(JSON.parse((await answer('GET', '/system/namespaces')).body), ['openfaas-fn']);
      for (const authorization of [undefined, `Basic ${Buffer.from(`${target.user}:wrong`).toString('base64')}`]) {
        const refused = await fetch(`${target.url}/system/functions`, {
          headers: authorization === undefined ? {} : { authorization },
        });
        assert.deepEqual([refused.status, await refused.text()], [401, 'invalid credentials']);
      }
    });

    it('takes a function from its creation to its end', async () => {
      const name = 'suite-life';
      const annotations = { 'suite.note': 'päter = {"later": true}' };
      await create(name, await push('1'), { labels: { role: 'suite' }, annotations, envVars: { COLOUR: 'blue' } });
      await answers(name, '1');
      const status = await read(name);
      assert.deepEqual(
        [status?.name, status?.namespace, status?.labels?.['role'], status?.annotations?.['suite.note']],
        [name, 'openfaas-fn', 'suite', annotations['suite.note']],
      );
      assert.ok(status?.image.endsWith(`suite-${suffix}:1`), status?.image);
      await available(name, 1);
      const listed = v.parse(v.array(functionStatusSchema), await (await ask('GET', '/system/functions')).json());
      assert.deepEqual(
        listed.filter((each) => each.name.startsWith('suite-')).map((each) => [each.name, each.replicas]),
        [[name, 1]],
      );
      const again = await answer('POST', '/system/functions', { service: name, image: status?.image });
      assert.equal(dialect.judgeCreate(again).verdict, 'exists', JSON.stringify(again));

      const updated = await answer('PUT', '/system/functions', { service: name, image: await push('2') });
      assert.deepEqual([dialect.judgeUpdate(updated).verdict, updated.body], ['accepted', '']);
      if (dialect.spoken === 'faasd')
        assert.notEqual(await versionOf(name), '1', 'no old code after the update was answered');
      await answers(name, '2');

      const removed = await answer('DELETE', '/system/functions', { functionName: name });
      assert.deepEqual([dialect.judgeRemove(removed).verdict, removed.body], ['accepted', '']);
      await gone(name);
      assert.equal((await call(name)).status, 404);
      const absent = await answer('DELETE', '/system/functions', { functionName: name });
      assert.equal(dialect.judgeRemove(absent).verdict, 'absent', JSON.stringify(absent));
    });

    it('passes calls on as they are', async () => {
      const name = 'suite-calls';
      await create(name, await push('1'), { envVars: { COLOUR: 'a=b=c' } });
      await answers(name, '1');
      const response = await call(`${name}.openfaas-fn`, '/some/päth%2Fhere?q=1&q=2', {
        method: 'DELETE',
      });
      const said = v.parse(
        v.object({ method: v.string(), path: v.string(), environment: v.record(v.string(), v.string()) }),
        await response.json(),
      );
      // The real gateway takes an escaped slash for a slash: see docs/local-dialects.md.
      const path = dialect.local ? '/some/p%C3%A4th%2Fhere' : '/some/p%C3%A4th/here';
      assert.deepEqual([said.method, said.path], ['DELETE', `${path}?q=1&q=2`]);
      assert.equal(said.environment['COLOUR'], 'a=b=c');
      assert.match(response.headers.get('x-start-time') ?? '', /^\d{19}$/);
      assert.match(response.headers.get('x-call-id') ?? '', /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
      const later = await fetch(`${target.url}/async-function/${name}/later`, { method: 'POST', body: 'x' });
      // Only a gateway with a queue behind it has this path.
      if (dialect.local || later.status !== 404) {
        assert.deepEqual([later.status, await later.text()], [202, '']);
        assert.ok(later.headers.get('x-call-id'));
      }
      assert.equal((await call('suite-nobody')).status, 404);
    });

    it('leaves behind an update that cannot be what its provider leaves behind', async () => {
      const name = 'suite-broken';
      const good = await push('1');
      await create(name, good);
      await answers(name, '1');
      const missing = good.replace(/:1$/, ':never-pushed');
      const updated = await answer('PUT', '/system/functions', { service: name, image: missing });
      if (dialect.failedUpdateDestroys) {
        assert.equal(updated.status, 500);
        assert.match(updated.body, /^(unable to pull image \S+: cannot pull: .*: not found\n)\1$/);
        assert.equal(await read(name), undefined, 'the function is gone');
        await create(name, good);
        await answers(name, '1');
      } else {
        assert.equal(dialect.judgeUpdate(updated).verdict, 'accepted');
        assert.equal((await read(name))?.image, missing, 'the status shows what is wished');
        assert.equal(await versionOf(name), '1', 'the old code goes on');
        await answer('PUT', '/system/functions', { service: name, image: await push('2') });
        await answers(name, '2');
      }
      const unknown = await answer('PUT', '/system/functions', { service: 'suite-nobody', image: good });
      assert.equal(dialect.judgeUpdate(unknown).verdict, 'absent', JSON.stringify(unknown));
    });

    it('shows what a function says, and its last words where it cannot stay', async () => {
      const name = 'suite-words';
      await create(name, await push('1'));
      await answers(name, '1');
      for (const word of ['first', 'second']) await (await call(name, `/say?text=${word}`)).text();
      await until('both words are there', async () => {
        const said = (await lines(`name=${name}`)).map(({ text }) => text.trimEnd());
        return said.includes('first') && said.includes('second');
      });
      const all = await lines(`name=${name}`);
      for (const line of all) assert.deepEqual([line.name, Number.isNaN(Date.parse(line.timestamp))], [name, false]);
      if (dialect.local) {
        assert.deepEqual(
          (await lines(`name=${name}&tail=1`)).map(({ text }) => text.trimEnd()),
          ['second'],
        );
        const [one] = all;
        assert.ok(one !== undefined);
        assert.equal((await lines(`name=${name}&instance=${one.instance}`)).length, all.length);
        assert.deepEqual(await lines(`name=${name}&instance=somebody-else`), []);
      }
      const followed = await ask('GET', `/system/logs?name=${name}&follow=true`);
      const reader = followed.body?.pipeThrough(new TextDecoderStream()).getReader();
      await (await call(name, '/say?text=third')).text();
      let heard = '';
      while (!heard.includes('third')) {
        const { done, value } = (await reader?.read()) ?? { done: true };
        assert.ok(!done, heard);
        heard += value ?? '';
      }
      await reader?.cancel();

      await create('suite-ends', await push('ends', { MODE: 'crash' }));
      // A real faasd may lose what a function said just before it ended.
      if (dialect.local || dialect.spoken !== 'faasd')
        await until('its last words are there', async () =>
          (await lines('name=suite-ends')).some(({ text }) => text.includes('no such thing as a start')),
        );
      // faasd may show it for a moment.
      await until('it is not available', async () => (await read('suite-ends'))?.availableReplicas !== 1);
      assert.ok((await tryCall('suite-ends'))?.ok !== true);
    });

    it('scales as far as its provider scales', async () => {
      const name = 'suite-scale';
      await create(name, await push('1'));
      await answers(name, '1');
      const scale = async (replicas: number): Promise<void> => {
        const scaled = await answer('POST', `/system/scale-function/${name}`, { serviceName: name, replicas });
        assert.deepEqual([dialect.judgeScale(scaled).verdict, scaled.body], ['accepted', '']);
      };
      await scale(2);
      await available(name, Math.min(2, dialect.mostReplicas ?? 2));
      assert.equal(await versionOf(name), '1');
      await scale(0);
      if (dialect.local && dialect.mostReplicas === undefined) await available(name, 0);
      await answers(name, '1');
      const unknown = await answer('POST', '/system/scale-function/suite-nobody', {
        serviceName: 'suite-nobody',
        replicas: 1,
      });
      assert.equal(dialect.judgeScale(unknown).verdict, 'absent', JSON.stringify(unknown));
    });

    it('keeps secrets, and gives them to functions alone', async () => {
      const [secret, name] = [{ name: 'suite-token', value: 'ein Geheimnis = ü' }, 'suite-secretive'];
      const missing = await answer('POST', '/system/functions', {
        service: name,
        image: await push('1'),
        secrets: [secret.name],
      });
      assert.equal(dialect.judgeCreate(missing).verdict, 'rejected', JSON.stringify(missing));
      assert.equal(dialect.judgeSecret('create', await answer('POST', '/system/secrets', secret)).verdict, 'accepted');
      const again = dialect.judgeSecret('create', await answer('POST', '/system/secrets', secret)).verdict;
      assert.equal(again, dialect.writesSecretsBlindly ? 'accepted' : 'exists');
      const listed = await answer('GET', '/system/secrets');
      assert.ok(listed.body.includes('{"name":"suite-token","namespace":"openfaas-fn"}'), listed.body);
      await create(name, await push('1'), { secrets: [secret.name] });
      await answers(name, '1');
      const { environment } = v.parse(
        v.object({ environment: v.record(v.string(), v.string()) }),
        await (await call(name)).json(),
      );
      const folder = environment['secret_mount_path'] ?? '/var/openfaas/secrets';
      assert.equal(await (await call(name, `/file?path=${folder}/suite-token`)).text(), secret.value);
      await answer('DELETE', '/system/functions', { functionName: name });
      await gone(name);
      const removed = await answer('DELETE', '/system/secrets', { name: secret.name });
      assert.equal(dialect.judgeSecret('remove', removed).verdict, 'accepted');
      const absent = await answer('DELETE', '/system/secrets', { name: secret.name });
      assert.equal(dialect.judgeSecret('remove', absent).verdict, 'absent', JSON.stringify(absent));
    });
  });
}

/** Asks again and again, for at most a minute. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patience;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${patience / 1000} s: ${what}`);
    await wait(50);
  }
}
