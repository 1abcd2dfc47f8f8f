import { isSecretName } from '../../openfaas/secret-name.ts';
import type { FunctionDeployment } from '../../openfaas/wire.ts';
import type { FunctionState } from '../replicas/provider.ts';
import { type Decision, type Dialect, httpError, type Reply } from './dialect.ts';
import { parseQuantity, quantityPattern } from './quantity.ts';

const namespace = 'openfaas-fn';
/** The most and fewest replicas of the Community Edition. */
const mostReplicas = 5;

/**
 * The answers of faas-netes CE (late 2023) behind the gateway, as recorded from a real one (test/recordings; test/local/recorded-answers.test.ts holds
 * this one to them): 202 for what is accepted, 500 for an existing name, 200 with nothing done for an update that Kubernetes refuses.
 *
 * Calls: an unknown function is 404, as where the gateway scales from zero (the chart's default). A function without a healthy replica is 503 at
 * once, as where it does not: such a gateway holds the call instead, for 100 s, and then breaks the connection, which helps nobody at a desk.
 */
export const faasNetes: Dialect = {
  name: 'faas-netes',
  orchestration: 'kubernetes',
  namespace,
  create(body, problem, { existing, hasSecret }) {
    if (body === undefined) return { reply: httpError(400, `failed to unmarshal request: ${problem}`) };
    const refusal = refuse(body);
    if (refusal !== undefined) return { reply: refusal };
    const missing = body.secrets?.find((name) => !hasSecret(name));
    if (missing !== undefined)
      return { reply: httpError(400, `unable to fetch secrets: secrets "${missing}" not found`) };
    if (badQuantity(body))
      return {
        reply: httpError(
          400,
          `failed create Deployment spec: quantities must match the regular expression '${quantityPattern}'`,
        ),
      };
    const invalid = kubernetesRefusal(body);
    if (invalid !== undefined)
      return {
        reply: httpError(500, `unable create Deployment: Deployment.apps "${body.service}" is invalid: ${invalid}`),
      };
    if (existing !== undefined) {
      const deletion = existing.removing ? 'object is being deleted: ' : '';
      return {
        reply: httpError(500, `unable create Deployment: ${deletion}deployments.apps "${body.service}" already exists`),
      };
    }
    return accepted(body);
  },
  update(body, problem, { existing, generation, hasSecret }) {
    if (body === undefined) return { reply: httpError(400, `unable to unmarshal request: ${problem}`) };
    const refusal = refuse(body);
    if (refusal !== undefined) return { reply: refusal };
    const subject = `unable update Deployment: ${body.service}.${namespace}, error:`;
    if (existing === undefined || existing.removing)
      return { reply: httpError(404, `${subject} deployments.apps "${body.service}" not found`) };
    const missing = body.secrets?.find((name) => !hasSecret(name));
    if (missing !== undefined) return { reply: httpError(400, `${subject} secrets "${missing}" not found`) };
    // The real one loses these errors on its way: 200, an empty body, and nothing has changed.
    if (badQuantity(body) || kubernetesRefusal(body) !== undefined) return { reply: reply(200, '') };
    // A label that is new each time makes Kubernetes roll out an identical body too.
    const uid = String(Number.parseInt(generation.slice(0, 8), 16));
    return accepted({ ...body, labels: { ...body.labels, uid } });
  },
  remove(name, existing) {
    if (name === '') return { reply: reply(400, ''), remove: false };
    if (existing === undefined) return { reply: reply(404, `deployments.apps "${name}" not found`), remove: false };
    // Late in a removal the real one can also say 404 (`services "NAME" not found`).
    return { reply: reply(202, ''), remove: !existing.removing };
  },
  scale(name, wanted, existing) {
    if (existing === undefined || existing.removing)
      return { reply: reply(500, `Unable to lookup function deployment ${name}`) };
    return { reply: reply(202, ''), replicas: Math.max(1, Math.min(mostReplicas, Math.floor(wanted))) };
  },
  unreadableScale: () => httpError(400, 'Error unmarshalling request body'),
  describe,
  secret(change, name, exists) {
    if (change !== 'create') return { reply: reply(exists ? 202 : 404, ''), act: exists };
    // Recorded for an empty name; Kubernetes refuses the others in the same way.
    if (!isSecretName(name)) return { reply: reply(500, ''), act: false };
    return { reply: reply(exists ? 409 : 202, ''), act: !exists };
  },
  unreadableSecret: () => reply(400, ''),
  unknownFunction: (name) =>
    reply(
      404,
      `error finding function ${name}.${namespace}: server returned non-200 status code (404) for function, ${name}, body: `,
    ),
  noEndpoints: (name) => fromProxy(503, `No endpoints available for: ${name}.`),
  unreachable: (name) => fromProxy(500, `Can't reach service for: ${name}.`),
  // The gateway wraps what the provider says: the provider's own status stands in the text.
  refuseLogs: (reason) => httpError(500, `unknown log request error (${reason === 'bad query' ? 422 : 500})`),
  refuseNamespace: (asked) =>
    asked === undefined || asked === '' || asked === namespace
      ? undefined
      : httpError(400, `namespace must be: ${namespace}`),
};

function reply(status: number, body: string): Reply {
  return { status, body };
}

/** The part of the gateway that passes calls on signs its own errors. */
function fromProxy(status: number, body: string): Reply {
  return { status, body, headers: { 'X-Openfaas-Internal': 'proxy' } };
}

function accepted(body: FunctionDeployment): Decision {
  return { reply: reply(202, ''), deployment: { ...body, namespace } };
}

/** What the provider itself refuses before it asks Kubernetes. */
function refuse(body: FunctionDeployment): Reply | undefined {
  if (body.service === '') return httpError(400, 'validation failed: service: is required');
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(body.service) || body.service.length > 63) {
    return httpError(400, `validation failed: service: (${body.service}) is invalid, must be a valid DNS entry`);
  }
  if (body.image === '') return httpError(400, 'validation failed: image: is required');
  if (body.labels?.['com.openfaas.scale.zero'] === 'true')
    return httpError(400, 'validation failed: com.openfaas.scale.zero is not available for Community Edition');
  for (const label of ['com.openfaas.scale.min', 'com.openfaas.scale.max']) {
    if (Number(body.labels?.[label] ?? 0) > mostReplicas)
      return httpError(400, `validation failed: ${label} is set too high for Community Edition`);
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
      return `spec.template.labels: Invalid value: "${name}": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`;
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

/**
 * `availableReplicas` is absent when it is 0; `image` is the string that was sent; the label `uid` comes with the first update. The environment
 * is not told, times have no fractions, and each function says that it is not to be scraped.
 */
function describe(state: FunctionState): Readonly<Record<string, unknown>> {
  const { deployment } = state;
  return {
    name: state.name,
    image: deployment.image,
    namespace,
    ...present('envProcess', deployment.envProcess),
    ...present('secrets', deployment.secrets),
    labels: { ...deployment.labels, faas_function: state.name },
    annotations: { ...deployment.annotations, 'prometheus.io.scrape': 'false' },
    ...present('limits', deployment.limits),
    ...present('requests', deployment.requests),
    replicas: state.replicas,
    ...(state.availableReplicas === 0 ? {} : { availableReplicas: state.availableReplicas }),
    createdAt: state.createdAt.replace(/\.\d+Z$/, 'Z'),
  };
}

/** Go's omitempty: nothing for absent and for empty values. */
function present(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null || value === '') return {};
  if (typeof value === 'object' && Object.keys(value).length === 0) return {};
  return { [name]: value };
}
