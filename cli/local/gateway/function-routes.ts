import { randomBytes } from 'node:crypto';
import type * as v from 'valibot';
import {
  deleteRequestSchema,
  type FunctionDeployment,
  functionDeploymentSchema,
  scaleRequestSchema,
} from '../../openfaas/wire.ts';
import type { DeploymentFacts, Dialect } from '../dialect/dialect.ts';
import type { FunctionState, Provider } from '../replicas/provider.ts';
import type { SecretStore } from '../state/secret-store.ts';
import type { GatewayParts } from './gateway.ts';
import { decodeJson } from './json-body.ts';
import { queryOf, type Route, sendText } from './route.ts';

/** `/system/functions`, `/system/function/NAME`, `/system/scale-function/NAME`: the dialect judges, the provider is told what to do. */
export function functionRoutes({
  provider,
  secrets,
  dialect,
}: Pick<GatewayParts, 'provider' | 'secrets' | 'dialect'>): Route[] {
  return [
    { method: 'GET', path: '/system/functions', answer: (request) => listFunctions(request, provider, dialect) },
    {
      method: 'GET',
      path: '/system/function/:name',
      answer: (request, { name = '' }) => readFunction(request, name, provider, dialect),
    },
    {
      method: 'POST',
      path: '/system/functions',
      answer: async (request) => {
        const { body, problem, facts } = await readDeployment(request, provider, secrets);
        const { reply, deployment } = dialect.create(body, problem, facts);
        if (deployment !== undefined) {
          const createdAt = new Date().toISOString();
          const { generation } = facts;
          provider.apply({ name: deployment.service, generation, createdAt, deployment, replicas: 1 });
        }
        return sendText(reply);
      },
    },
    {
      method: 'PUT',
      path: '/system/functions',
      answer: async (request) => {
        const { body, problem, facts } = await readDeployment(request, provider, secrets);
        const { reply, deployment } = dialect.update(body, problem, facts);
        if (deployment !== undefined && facts.existing !== undefined) {
          const { name, createdAt, replicas } = facts.existing;
          provider.apply({ name, generation: facts.generation, createdAt, deployment, replicas });
        }
        return sendText(reply);
      },
    },
    { method: 'DELETE', path: '/system/functions', answer: (request) => removeFunction(request, provider, dialect) },
    {
      method: 'POST',
      path: '/system/scale-function/:name',
      answer: (request, { name = '' }) => scaleFunction(request, name, provider, dialect),
    },
  ];
}

function find(provider: Provider, name: string): FunctionState | undefined {
  return provider.list().find((state) => state.name === name);
}

function listFunctions(request: Request, provider: Provider, dialect: Dialect): Response {
  const refusal = dialect.refuseNamespace(queryOf(request, 'namespace'));
  if (refusal !== undefined) return sendText(refusal);
  return Response.json(provider.list().map((state) => dialect.describe(state)));
}

function readFunction(request: Request, name: string, provider: Provider, dialect: Dialect): Response {
  const refusal = dialect.refuseNamespace(queryOf(request, 'namespace'));
  if (refusal !== undefined) return sendText(refusal);
  const state = find(provider, name);
  return state === undefined ? sendText({ status: 404, body: '' }) : Response.json(dialect.describe(state));
}

async function removeFunction(request: Request, provider: Provider, dialect: Dialect): Promise<Response> {
  const { value } = decodeJson(await request.text(), deleteRequestSchema);
  const refusal = dialect.refuseNamespace(value?.namespace);
  if (refusal !== undefined) return sendText(refusal);
  const name = value?.functionName ?? '';
  const { reply, remove } = dialect.remove(name, find(provider, name));
  // Answered before it is gone, as a cluster does; the function is listed until then. The provider reports what fails.
  if (remove) void provider.remove(name);
  return sendText(reply);
}

async function scaleFunction(request: Request, name: string, provider: Provider, dialect: Dialect): Promise<Response> {
  const { value } = decodeJson(await request.text(), scaleRequestSchema);
  if (value === undefined) return sendText(dialect.unreadableScale());
  const refusal = dialect.refuseNamespace(value.namespace);
  if (refusal !== undefined) return sendText(refusal);
  const existing = find(provider, name);
  const { reply, replicas } = dialect.scale(name, value.replicas, existing);
  if (replicas !== undefined && existing !== undefined) {
    const { generation, createdAt, deployment } = existing;
    provider.apply({ name, generation, createdAt, deployment, replicas });
  }
  return sendText(reply);
}

async function readDeployment(
  request: Request,
  provider: Provider,
  secrets: SecretStore,
): Promise<{ body: FunctionDeployment | undefined; problem: string; facts: DeploymentFacts }> {
  const { value, problem } = decodeJson(await request.text(), functionDeploymentSchema);
  const names = new Set(await secrets.list());
  const body = value === undefined ? undefined : withoutNulls(value);
  const existing = body === undefined ? undefined : find(provider, body.service);
  return { body, problem, facts: { existing, generation: newGeneration(), hasSecret: (name) => names.has(name) } };
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
