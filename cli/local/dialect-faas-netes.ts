import type { FunctionDeployment } from '../openfaas/wire.ts';
import type { Decision, Dialect, Reply } from './dialect.ts';
import type { FunctionState } from './provider.ts';
import { parseQuantity, quantityPattern } from './quantity.ts';
import { isSecretName } from './secret-store.ts';

const namespace = 'openfaas-fn';
/** The most and fewest replicas of the Community Edition. */
const mostReplicas = 5;

/**
 * The answers of faas-netes CE (late 2023) behind the gateway, as observed on a real one: 202 for what is accepted, 500 for an existing name,
 * 200 with nothing done for an update that Kubernetes refuses, 503 without a ready replica.
 */
export const faasNetes: Dialect = {
  name: 'faas-netes',
  orchestration: 'kubernetes',
  namespace,
  create(body, problem, { existing, hasSecret }) {
    const refusal = refuse(body, problem);
    if (refusal !== undefined || body === undefined) return { reply: refusal ?? reply(400, '') };
    const missing = body.secrets?.find((name) => !hasSecret(name));
    if (missing !== undefined) return { reply: reply(400, `unable to fetch secrets: secrets "${missing}" not found`) };
    if (badQuantity(body))
      return {
        reply: reply(
          400,
          `failed create Deployment spec: quantities must match the regular expression '${quantityPattern}'`,
        ),
      };
    const invalid = kubernetesRefusal(body);
    if (invalid !== undefined)
      return {
        reply: reply(500, `unable create Deployment: Deployment.apps "${body.service}" is invalid: ${invalid}`),
      };
    if (existing !== undefined) {
      const deletion = existing.removing ? 'object is being deleted: ' : '';
      return {
        reply: reply(500, `unable create Deployment: ${deletion}deployments.apps "${body.service}" already exists`),
      };
    }
    return accepted(body);
  },
  update(body, problem, { existing, hasSecret }) {
    const refusal = refuse(body, problem);
    if (refusal !== undefined || body === undefined) return { reply: refusal ?? reply(400, '') };
    const subject = `unable update Deployment: ${body.service}.${namespace}, error:`;
    if (existing === undefined || existing.removing)
      return { reply: reply(404, `${subject} deployments.apps "${body.service}" not found`) };
    const missing = body.secrets?.find((name) => !hasSecret(name));
    if (missing !== undefined) return { reply: reply(400, `${subject} secrets "${missing}" not found`) };
    // The real one loses these errors on its way: 200, an empty body, and nothing has changed.
    if (badQuantity(body) || kubernetesRefusal(body) !== undefined) return { reply: reply(200, '') };
    return accepted(body);
  },
  remove(name, existing) {
    if (name === '') return { reply: reply(400, ''), remove: false };
    if (existing === undefined) return { reply: reply(404, `deployments.apps "${name}" not found`), remove: false };
    if (existing.removing) return { reply: reply(404, `services "${name}" not found`), remove: false };
    return { reply: reply(202, ''), remove: true };
  },
  scale(name, wanted, existing) {
    // Not observed on a real one: an unknown name.
    if (existing === undefined || existing.removing)
      return { reply: reply(404, `deployments.apps "${name}" not found`) };
    return { reply: reply(202, ''), replicas: Math.max(1, Math.min(mostReplicas, Math.floor(wanted))) };
  },
  describe,
  secret(change, name, exists) {
    // Not observed on a real one: a name Kubernetes would refuse, and changes of a missing secret.
    if (!isSecretName(name))
      return {
        reply: reply(400, `validation failed: secret: (${name}) is invalid, must be a valid DNS entry`),
        act: false,
      };
    if (change === 'create')
      return exists ? { reply: reply(409, ''), act: false } : { reply: reply(202, ''), act: true };
    return exists
      ? { reply: reply(202, ''), act: true }
      : { reply: reply(404, `secrets "${name}" not found`), act: false };
  },
  noEndpoints: (name) => reply(503, `No endpoints available for: ${name}.`),
  unreachable: (name) => reply(500, `Can't reach service for: ${name}.`),
  unknownLogs: () => reply(500, 'unknown log request error'),
  refuseNamespace: (asked) =>
    asked === undefined || asked === '' || asked === namespace
      ? undefined
      : reply(400, `namespace must be: ${namespace}`),
};

function reply(status: number, body: string): Reply {
  return { status, body };
}

function accepted(body: FunctionDeployment): Decision {
  return { reply: reply(202, ''), deployment: { ...body, namespace } };
}

/** What the provider itself refuses before it asks Kubernetes. */
function refuse(body: FunctionDeployment | undefined, problem: string): Reply | undefined {
  if (body === undefined) return reply(400, `failed to unmarshal request: ${problem}`);
  if (body.service === '') return reply(400, 'validation failed: service: is required');
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(body.service) || body.service.length > 63) {
    return reply(400, `validation failed: service: (${body.service}) is invalid, must be a valid DNS entry`);
  }
  if (body.image === '') return reply(400, 'validation failed: image: is required');
  if (body.labels?.['com.openfaas.scale.zero'] === 'true')
    return reply(400, 'validation failed: com.openfaas.scale.zero is not available for Community Edition');
  for (const label of ['com.openfaas.scale.min', 'com.openfaas.scale.max']) {
    if (Number(body.labels?.[label] ?? 0) > mostReplicas)
      return reply(400, `validation failed: ${label} is set too high for Community Edition`);
  }
  return faasNetes.refuseNamespace(body.namespace);
}

function quantities({ limits, requests }: FunctionDeployment): string[] {
  return [limits?.memory, limits?.cpu, requests?.memory, requests?.cpu].flatMap((text) => (text ? [text] : []));
}

function badQuantity(body: FunctionDeployment): boolean {
  return quantities(body).some((text) => parseQuantity(text) === undefined);
}

/** What Kubernetes' API server would say to the Deployment, as far as functions meet it; `undefined` if nothing. */
function kubernetesRefusal({ labels, limits, requests }: FunctionDeployment): string | undefined {
  for (const kind of ['cpu', 'memory'] as const) {
    const limit = limits?.[kind];
    const request = requests?.[kind];
    if (!limit || !request) continue;
    if ((parseQuantity(request) ?? 0) > (parseQuantity(limit) ?? 0)) {
      return `spec.template.spec.containers[0].resources.requests: Invalid value: "${request}": must be less than or equal to ${kind} limit of ${limit}`;
    }
  }
  for (const [name, value] of Object.entries(labels ?? {})) {
    if (!isLabelName(name))
      return `spec.template.labels: Invalid value: "${name}": name part must consist of alphanumeric characters, '-', '_' or '.'`;
    if (!/^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/.test(value))
      return `spec.template.labels: Invalid value: "${value}": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'`;
  }
  return undefined;
}

/** `[prefix/]name` of a Kubernetes label. */
function isLabelName(text: string): boolean {
  const parts = text.split('/');
  const name = parts.at(-1) ?? '';
  const prefix = parts.length > 1 ? parts[0] : undefined;
  return (
    parts.length <= 2 &&
    /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(name) &&
    (prefix === undefined || (/^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/.test(prefix) && prefix.length <= 253))
  );
}

/** `availableReplicas` is absent when it is 0; `image` is the string that was sent; `uid` is new with each generation. */
function describe(state: FunctionState): Readonly<Record<string, unknown>> {
  const { deployment } = state;
  return {
    name: state.name,
    image: deployment.image,
    namespace,
    ...present('envProcess', deployment.envProcess),
    ...present('envVars', deployment.envVars),
    ...present('constraints', deployment.constraints),
    ...present('secrets', deployment.secrets),
    labels: {
      ...deployment.labels,
      faas_function: state.name,
      uid: String(Number.parseInt(state.generation.slice(0, 8), 16)),
    },
    annotations: { ...deployment.annotations },
    ...present('limits', deployment.limits),
    ...present('requests', deployment.requests),
    ...(deployment.readOnlyRootFilesystem === true ? { readOnlyRootFilesystem: true } : {}),
    replicas: state.replicas,
    ...(state.availableReplicas === 0 ? {} : { availableReplicas: state.availableReplicas }),
    createdAt: state.createdAt,
  };
}

/** Go's omitempty: nothing for absent and for empty values. */
function present(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null || value === '') return {};
  if (typeof value === 'object' && Object.keys(value).length === 0) return {};
  return { [name]: value };
}
