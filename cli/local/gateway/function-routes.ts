import { randomBytes } from 'node:crypto';
import type * as v from 'valibot';
import {
  deleteRequestSchema,
  type FunctionDeployment,
  functionDeploymentSchema,
  scaleRequestSchema,
} from '../../openfaas/wire.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Provider } from '../replicas/provider.ts';
import type { SecretStore } from '../state/secret-store.ts';
import { type Change, FunctionChanges } from './function-changes.ts';
import type { GatewayParts } from './gateway.ts';
import { countInvocations, type InvocationCount } from './invocation-count.ts';
import { decodeJson } from './json-body.ts';
import { queryOf, type Route, sendText } from './route.ts';

/** `/system/functions`, `/system/function/NAME`, `/system/scale-function/NAME`: the dialect judges, the provider is told what to do. */
export function functionRoutes({
  provider,
  secrets,
  dialect,
  closing,
  activity,
}: Pick<GatewayParts, 'provider' | 'secrets' | 'dialect' | 'closing' | 'activity'>): Route[] {
  const invocations = activity === undefined ? () => 0 : countInvocations(activity);
  const changes = new FunctionChanges(provider, dialect, closing);
  const change = async (kind: 'create' | 'update', request: Request): Promise<Response> => {
    const { body, problem } = await readDeployment(request);
    const judge = () => judgeDeployment(kind, { body, problem, provider, secrets, dialect });
    return sendText(await changes.make(body?.service ?? '', judge));
  };
  return [
    {
      method: 'GET',
      path: '/system/functions',
      answer: (request) => listFunctions(request, provider, dialect, invocations),
    },
    {
      method: 'GET',
      path: '/system/function/:name',
      answer: (request, { name = '' }) => readFunction(request, name, provider, dialect),
    },
    { method: 'POST', path: '/system/functions', answer: (request) => change('create', request) },
    { method: 'PUT', path: '/system/functions', answer: (request) => change('update', request) },
    {
      method: 'DELETE',
      path: '/system/functions',
      answer: (request) => removeFunction(request, provider, dialect, changes),
    },
    {
      method: 'POST',
      path: '/system/scale-function/:name',
      answer: (request, { name = '' }) => scaleFunction(request, name, provider, dialect),
    },
  ];
}

function listFunctions(request: Request, provider: Provider, dialect: Dialect, invocations: InvocationCount): Response {
  const refusal = dialect.refuseNamespace(queryOf(request, 'namespace'));
  if (refusal !== undefined) return sendText(refusal);
  const there = provider.list().filter((state) => dialect.isThere(state));
  return Response.json(
    there.map((state) => {
      const invocationCount = invocations(state.name);
      return { ...dialect.describe(state, 'list'), ...(invocationCount === 0 ? {} : { invocationCount }) };
    }),
  );
}

function readFunction(request: Request, name: string, provider: Provider, dialect: Dialect): Response {
  const refusal = dialect.refuseNamespace(queryOf(request, 'namespace'));
  if (refusal !== undefined) return sendText(refusal);
  const state = provider.find(name);
  return state === undefined || !dialect.isThere(state)
    ? sendText({ status: 404, body: '' })
    : Response.json(dialect.describe(state, 'one'));
}

async function removeFunction(
  request: Request,
  provider: Provider,
  dialect: Dialect,
  changes: FunctionChanges,
): Promise<Response> {
  const { value, problem } = decodeJson(await request.text(), deleteRequestSchema);
  if (value === undefined) return sendText(dialect.unreadableRemoval(problem));
  const refusal = dialect.refuseNamespace(value.namespace);
  if (refusal !== undefined) return sendText(refusal);
  const name = value.functionName;
  const reply = await changes.makeRemoval(name, async () => {
    const existing = provider.find(name);
    return { name, existing, generation: newGeneration(), judgement: dialect.remove(name, existing) };
  });
  return sendText(reply);
}

async function scaleFunction(request: Request, name: string, provider: Provider, dialect: Dialect): Promise<Response> {
  const { value } = decodeJson(await request.text(), scaleRequestSchema);
  // An unsigned number in Go: neither less than nothing, nor a part of a replica, nor more than can be counted.
  if (value === undefined || !Number.isSafeInteger(value.replicas) || value.replicas < 0)
    return sendText(dialect.unreadableScale());
  const refusal = dialect.refuseNamespace(value.namespace);
  if (refusal !== undefined) return sendText(refusal);
  const existing = provider.find(name);
  const { reply, apply } = dialect.scale(name, value.replicas, existing);
  if (apply !== undefined && existing !== undefined) {
    const { generation, createdAt, strategy, imageEnvironment } = existing;
    provider.apply({ name, generation, createdAt, strategy, imageEnvironment, ...apply });
  }
  return sendText(reply);
}

async function readDeployment(
  request: Request,
): Promise<{ readonly body: FunctionDeployment | undefined; readonly problem: string }> {
  const { value, problem } = decodeJson(await request.text(), functionDeploymentSchema);
  return { body: value === undefined ? undefined : withoutNulls(value), problem };
}

async function judgeDeployment(
  kind: 'create' | 'update',
  {
    body,
    problem,
    provider,
    secrets,
    dialect,
  }: {
    readonly body: FunctionDeployment | undefined;
    readonly problem: string;
    readonly provider: Provider;
    readonly secrets: SecretStore;
    readonly dialect: Dialect;
  },
): Promise<Change> {
  const names = new Set(await secrets.list());
  const name = body?.service ?? '';
  const existing = body === undefined ? undefined : provider.find(name);
  const generation = newGeneration();
  const judgement = dialect[kind](body, problem, { existing, generation, hasSecret: (secret) => names.has(secret) });
  return { name, existing, generation, judgement };
}

/** Marks one accepted deployment: 16 hex digits, new each time, even for an identical body (faas-netes rolls out all the same). */
function newGeneration(): string {
  return randomBytes(8).toString('hex');
}

/** Go takes `null` for "nothing"; so do we, once, here. */
function withoutNulls(value: v.InferOutput<typeof functionDeploymentSchema>): FunctionDeployment {
  return {
    ...value,
    envVars: value.envVars ?? undefined,
    constraints: value.constraints ?? undefined,
    secrets: value.secrets ?? undefined,
    labels: value.labels ?? undefined,
    annotations: value.annotations ?? undefined,
    limits: value.limits ?? undefined,
    requests: value.requests ?? undefined,
  };
}
