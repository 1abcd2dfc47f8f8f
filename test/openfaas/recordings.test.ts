import assert from 'node:assert/strict';
import * as v from 'valibot';
import { UserError } from '../../cli/errors.ts';
import { openGateway } from '../../cli/openfaas/client.ts';
import { dialectOf, type Judgement, type SecretJudgement } from '../../cli/openfaas/dialects.ts';
import type { Answer, Gateway } from '../../cli/openfaas/gateway.ts';
import { functionDeploymentSchema, infoSchema, secretSchema } from '../../cli/openfaas/wire.ts';
import { openReplicaProbe } from '../../cli/replica/http-probe.ts';
import { type Recorded, recordedExchanges, recordedProviders } from './recorded.ts';
import { startScriptedGateway } from './scripted-gateway.ts';

/** What the recorder asked of the gateways that bantam never asks: nothing here goes through the client. */
const notAsked = (request: Recorded['request']): boolean =>
  /^\/(healthz|system\/namespaces|system\/nothing-here|async-function\/.*)?$/.test(request.path) ||
  request.method === 'PATCH' ||
  // The client cannot be made to ask without a name, or with a time or number that is none.
  /^\/system\/logs\?(?!.*name=)/.test(request.path);

for (const provider of recordedProviders()) {
  const all = recordedExchanges(provider);
  const named = new Map(all.map((recorded) => [recorded.name, recorded]));
  const info = named.get('info')?.answer;
  const dialect = dialectOf(v.parse(infoSchema, JSON.parse(info !== undefined && 'body' in info ? info.body : '{}')));

  describe(`recorded answers of ${provider}`, () => {
    it('is recognised by what it says of itself', () => assert.equal(dialect.spoken, provider));

    for (const recorded of all) {
      if (notAsked(recorded.request)) continue;
      const { request, answer } = recorded;
      if (request.method === 'GET' && request.path.startsWith('/system/'))
        it(`reads ${recorded.name}`, () => replayRead(recorded));
      else if (/^\/function\/[^/]+\/_\/ready$/.test(request.path))
        it(`probes ${recorded.name}`, () => replayProbe(recorded));
      else if (request.path.startsWith('/function/')) it(`calls ${recorded.name}`, () => replayCall(recorded));
      else if (request.path === '/system/secrets')
        it(`judges ${recorded.name}`, async () => judgeSecretAgainstList(recorded, await throughClient(recorded)));
      else if (/^\/system\/(functions|scale-function\/.*)$/.test(request.path)) {
        it(`judges ${recorded.name}`, async () => {
          const given = await throughClient(recorded);
          if ('failure' in answer) assert.equal(codeOf(given), 'BAN-E401');
          else if (answer.status === 401) assert.equal(codeOf(given), 'BAN-E402');
          else if (given instanceof UserError) assert.fail(given);
          else judgeAgainstTruth(recorded, given);
        });
      } else
        it(`knows ${recorded.name}`, () =>
          assert.fail(`no test knows what to do with ${request.method} ${request.path}`));
    }
  });

  async function replayRead(recorded: Recorded): Promise<void> {
    const { request, answer } = recorded;
    const path = request.path;
    const search = new URL(path, 'http://x').searchParams;
    const call = async (gateway: Gateway): Promise<unknown> => {
      if (path === '/system/info') return gateway.info();
      if (path.startsWith('/system/functions')) return gateway.list();
      if (path.startsWith('/system/function/'))
        return gateway.read(decodeURIComponent(path.slice('/system/function/'.length)));
      if (path.startsWith('/system/secrets')) return gateway.secrets();
      assert.ok(path.startsWith('/system/logs?'), path);
      const tail = search.get('tail');
      const lines = [];
      for await (const line of gateway.logs({
        name: search.get('name') ?? '',
        tail: tail === null ? undefined : Number.isNaN(Number(tail)) ? undefined : Number(tail),
        since: search.get('since') ?? undefined,
      }))
        lines.push(line);
      return lines;
    };
    const result = await onReplay(recorded, call);
    if ('failure' in answer) return assert.equal(codeOf(result), 'BAN-E401');
    if (answer.status === 401) return assert.equal(codeOf(result), 'BAN-E402');
    if (answer.status === 404 && path.startsWith('/system/function/')) return assert.equal(result, undefined);
    if (answer.status >= 400) return assert.equal(codeOf(result), 'BAN-E405');
    assert.ok(!(result instanceof UserError), String(result));
    // Decoded without loss of what matters: names, numbers, annotations, texts are those of the recorded JSON.
    if (path.startsWith('/system/logs')) {
      const raw = answer.body
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line): unknown => JSON.parse(line));
      assert.deepEqual(result, raw);
    } else if (path !== '/system/info') comparable(result, JSON.parse(answer.body));
  }

  async function replayProbe(recorded: Recorded): Promise<void> {
    const { answer } = recorded;
    const name = decodeURIComponent(recorded.request.path.split('/')[2] ?? '');
    const probe = await onReplay(recorded, (gateway) =>
      openReplicaProbe(gateway.url).probe(name, undefined, new AbortController().signal),
    );
    assert.ok(typeof probe === 'object' && probe !== null && 'kind' in probe);
    if ('failure' in answer || answer.headers['x-bantam-deploy'] === undefined)
      return assert.equal(probe.kind, 'not-yet');
    const { 'x-bantam-deploy': deploy, 'x-bantam-replica': replica, 'x-bantam-revision': revision } = answer.headers;
    assert.deepEqual(probe, {
      kind: 'answer',
      ready: answer.status === 200,
      status: answer.status,
      deploy,
      replica,
      revision,
    });
  }

  async function replayCall(recorded: Recorded): Promise<void> {
    const { answer, request } = recorded;
    const [, , name = '', ...rest] = request.path.split('/');
    const result = await onReplay(recorded, async (gateway) => {
      const called = await gateway.invoke({
        name,
        method: request.method,
        path: rest.length === 0 ? '' : `/${rest.join('/')}`,
        body: request.body === undefined ? undefined : Buffer.from(request.body),
      });
      return {
        status: called.status,
        deploy: called.headers.get('x-bantam-deploy') ?? undefined,
        text: called.body === null ? '' : await new Response(called.body).text(),
      };
    });
    if ('failure' in answer) assert.equal(codeOf(result), 'BAN-E401');
    else
      assert.deepEqual(result, { status: answer.status, deploy: answer.headers['x-bantam-deploy'], text: answer.body });
  }

  /** Sends what was recorded through the client where the client can say it, and returns the answer a dialect gets to see. */
  async function throughClient(recorded: Recorded): Promise<Answer | UserError> {
    const { request, answer } = recorded;
    const plain = 'failure' in answer ? { status: 0, body: '' } : { status: answer.status, body: answer.body };
    const body = parsed(request.body);
    // Broken JSON is nothing a client can be brought to send.
    if (typeof body !== 'object' || body === null) return plain;
    const result = await onReplay(recorded, (gateway): Promise<Answer> => {
      if (request.path.startsWith('/system/scale-function/'))
        return gateway.scale(
          'serviceName' in body ? String(body.serviceName) : '',
          'replicas' in body ? Number(body.replicas) : 0,
        );
      if (request.path === '/system/secrets') {
        const secret = v.parse(secretSchema, body);
        if (request.method === 'DELETE') return gateway.removeSecret(secret.name);
        return request.method === 'PUT' ? gateway.updateSecret(secret) : gateway.createSecret(secret);
      }
      if (request.method === 'DELETE') return gateway.remove('functionName' in body ? String(body.functionName) : '');
      const wanted = v.parse(functionDeploymentSchema, body);
      const deployment = {
        ...wanted,
        envVars: wanted.envVars ?? undefined,
        labels: wanted.labels ?? undefined,
        annotations: wanted.annotations ?? undefined,
        secrets: wanted.secrets ?? undefined,
        constraints: wanted.constraints ?? undefined,
        limits: wanted.limits ?? undefined,
        requests: wanted.requests ?? undefined,
      };
      return request.method === 'PUT' ? gateway.update(deployment) : gateway.create(deployment);
    });
    if (!(result instanceof UserError)) assert.deepEqual(result, plain);
    return result;
  }

  /** The recorder's own story is the truth: which secrets were there when it asked. */
  function judgeSecretAgainstList(recorded: Recorded, answer: Answer | UserError): void {
    if (answer instanceof UserError) assert.fail(answer);
    const change = { POST: 'create', PUT: 'update', DELETE: 'remove' }[recorded.request.method];
    assert.ok(change === 'create' || change === 'update' || change === 'remove', recorded.request.method);
    // faasd writes whatever was there before: there, the list has to be asked first.
    const blind = dialect.writesSecretsBlindly;
    const expected: Readonly<Record<string, SecretJudgement['verdict']>> = {
      'secret-create': 'accepted',
      'secret-create-for-function': 'accepted',
      'secret-create-again': blind ? 'accepted' : 'exists',
      'secret-update': 'accepted',
      'secret-update-missing': blind ? 'accepted' : 'absent',
      'secret-delete': 'accepted',
      'secret-delete-in-use': 'accepted',
      'secret-delete-missing': 'absent',
      'secret-empty-name': 'rejected',
      'secret-bad-json': 'rejected',
      // On faasd the update before it had made the secret.
      'secret-clean-up': blind ? 'accepted' : 'absent',
    };
    assert.equal(dialect.judgeSecret(change, answer).verdict, expected[recorded.name], JSON.stringify(answer));
  }

  /** The judgement is held against what the gateway and the function showed afterwards, recorded apart. */
  function judgeAgainstTruth(recorded: Recorded, answer: Answer): void {
    const { request, name } = recorded;
    const judgement = request.path.includes('scale')
      ? dialect.judgeScale(answer)
      : request.method === 'DELETE'
        ? dialect.judgeRemove(answer)
        : request.method === 'PUT'
          ? dialect.judgeUpdate(answer)
          : dialect.judgeCreate(answer);
    if ('reason' in judgement)
      assert.ok(judgement.reason.trim() !== '' && judgement.reason.length < 400, judgement.reason);
    if (request.method === 'DELETE' || request.path.includes('scale')) {
      const expected: Judgement['verdict'] =
        answer.status < 300 ? 'accepted' : answer.status === 404 || name.endsWith('-unknown') ? 'absent' : 'rejected';
      assert.equal(judgement.verdict, expected);
      return;
    }
    const wanted = v.safeParse(functionDeploymentSchema, parsed(request.body));
    const deploy = wanted.success ? wanted.output.annotations?.['bantam.deploy'] : undefined;
    const after = named.get(`read-after-${name}`)?.answer ?? named.get(`read-right-after-${name}`)?.answer;
    const call = named.get(`invoke-after-${name}`)?.answer;
    const shows = after !== undefined && 'status' in after && after.status === 200 && deployOf(after.body) === deploy;
    const answers = call !== undefined && 'status' in call && call.headers['x-bantam-deploy'] === deploy;
    if (after === undefined) return;
    if (judgement.verdict === 'accepted') assert.ok(shows, `judged accepted, but the gateway does not show ${deploy}`);
    if (judgement.verdict === 'rejected')
      assert.ok(!shows || (call !== undefined && !answers), `judged rejected, but ${deploy} runs`);
    if (judgement.verdict === 'exists' || judgement.verdict === 'absent' || judgement.verdict === 'busy')
      assert.ok(!shows, `judged ${judgement.verdict}, but ${deploy} is there`);
  }
}

async function onReplay<T>(recorded: Recorded, call: (gateway: Gateway) => Promise<T>): Promise<T | UserError> {
  const { request, answer } = recorded;
  const far = await startScriptedGateway({ anyQuery: true });
  far.expect(`${request.method} ${request.path}`, (incoming, response, _body) => {
    if ('failure' in answer) return void incoming.socket.destroy();
    const { 'transfer-encoding': _chunked, ...headers } = answer.headers;
    response.writeHead(answer.status, headers).end(answer.body);
  });
  try {
    return await call(
      openGateway({
        url: far.url,
        ...(request.credentials === 'none' ? {} : { credentials: { kind: 'basic', user: 'admin', password: 'x' } }),
      }),
    );
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  } finally {
    await far.close();
  }
}

function codeOf(result: unknown): string {
  return result instanceof UserError ? result.code : `no error but ${JSON.stringify(result)}`;
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    // A recorded question with broken JSON: there is nothing to read in it.
    return undefined;
  }
}

function deployOf(body: string): string | undefined {
  const status = v.safeParse(v.object({ annotations: v.nullish(v.record(v.string(), v.string())) }), parsed(body));
  return status.success ? status.output.annotations?.['bantam.deploy'] : undefined;
}

/** Every member the client kept is equal to the raw one; absent numbers and texts may have become zero or empty. */
function comparable(decoded: unknown, raw: unknown): void {
  if (Array.isArray(decoded)) {
    assert.ok(Array.isArray(raw) || (raw === null && decoded.length === 0));
    decoded.forEach((part, index) => {
      comparable(part, Array.isArray(raw) ? raw[index] : undefined);
    });
    assert.equal(decoded.length, Array.isArray(raw) ? raw.length : 0);
    return;
  }
  assert.ok(typeof decoded === 'object' && decoded !== null && typeof raw === 'object' && raw !== null);
  const rawMembers = new Map(Object.entries(raw));
  for (const [key, value] of Object.entries(decoded)) {
    if (rawMembers.has(key)) assert.deepEqual(value, rawMembers.get(key), key);
    else assert.ok(value === 0 || value === '' || value === undefined, key);
  }
}
