import { isSecretName } from '../../openfaas/secret-name.ts';
import type { FunctionDeployment } from '../../openfaas/wire.ts';
import type { FunctionState } from '../replicas/provider.ts';
import {
  type Decision,
  type Dialect,
  fromProxy,
  httpError,
  mostReplicasHere,
  notFound,
  present,
  type Reply,
} from './dialect.ts';
import { badQuantity, kubernetesRefusal } from './kubernetes-refusal.ts';
import { quantityPattern } from './quantity.ts';

const namespace = 'openfaas-fn';
/** The most and fewest replicas of the Community Edition. */
const mostReplicas = 5;

/**
 * The answers of faas-netes (late 2023) behind the gateway, as recorded from a real one (test/recordings; test/local/recorded-answers.test.ts holds
 * these to them): 202 for what is accepted, 500 for an existing name, 200 with nothing done for an update that Kubernetes refuses. Without the limits
 * of the Community Edition: functions scale to zero and beyond five, and labels may say so.
 *
 * Calls: an unknown function is 404, as where the gateway scales from zero (the chart's default). A function without a healthy replica is 503 at
 * once, as where it does not: such a gateway holds the call instead, for 100 s, and then breaks the connection, which helps nobody at a desk.
 */
export const faasNetes: Dialect = makeFaasNetes(false);

/** The same with the limits of the Community Edition, as recorded: one to five replicas, no scaling to zero. */
export const faasNetesCommunity: Dialect = makeFaasNetes(true);

function makeFaasNetes(community: boolean): Dialect {
  const allowReplicas = (wanted: number): number => (community ? Math.max(1, Math.min(mostReplicas, wanted)) : wanted);
  return {
    name: 'faas-netes',
    title: community ? 'faas-netes, Community Edition' : 'faas-netes',
    orchestration: 'kubernetes',
    namespace,
    strategy: 'rolling',
    allowReplicas,
    answersWhenDone: false,
    firstAnswer: 0,
    updateCreatesAnew: false,
    create(body, problem, { existing, hasSecret }) {
      if (body === undefined) return { reply: httpError(400, `failed to unmarshal request: ${problem}`) };
      const refusal = refuse(body, community);
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
          reply: httpError(
            500,
            `unable create Deployment: ${deletion}deployments.apps "${body.service}" already exists`,
          ),
        };
      }
      return accepted(body, fewestReplicas(body));
    },
    update(body, problem, { existing, generation, hasSecret }) {
      if (body === undefined) return { reply: httpError(400, `unable to unmarshal request: ${problem}`) };
      const refusal = refuse(body, community);
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
      const replicas = existing.replicas === 0 ? 0 : Math.max(existing.replicas, fewestReplicas(body));
      return accepted({ ...body, labels: { ...body.labels, uid } }, replicas);
    },
    remove(name, existing) {
      if (name === '') return { reply: reply(400, '') };
      if (existing === undefined) return { reply: reply(404, `deployments.apps "${name}" not found`) };
      // Late in a removal the real one can also say 404 (`services "NAME" not found`).
      return { reply: reply(202, ''), remove: !existing.removing };
    },
    unreadableRemoval: () => reply(400, ''),
    scale(name, wanted, existing) {
      if (existing === undefined || existing.removing)
        return { reply: reply(500, `Unable to lookup function deployment ${name}`) };
      if (!community && wanted > mostReplicasHere) return { reply: tooMany('replicas', wanted) };
      return { reply: reply(202, ''), apply: { deployment: existing.deployment, replicas: allowReplicas(wanted) } };
    },
    unreadableScale: () => httpError(400, 'Error unmarshalling request body'),
    isThere: () => true,
    describe,
    secret(change, name, exists) {
      if (change !== 'create') return { reply: reply(exists ? 202 : 404, ''), act: exists };
      // Recorded for an empty name; the others are Kubernetes' own refusal, seen beside it.
      if (!isSecretName(name)) return { reply: reply(name === '' ? 500 : 422, ''), act: false };
      return { reply: reply(exists ? 409 : 202, ''), act: !exists };
    },
    unreadableSecret: () => reply(400, ''),
    secretListType: 'application/json',
    unknownFunction: (name) => notFound(name, namespace),
    noEndpoints: (name) => fromProxy(reply(503, `No endpoints available for: ${name}.`)),
    unreachable: (name) => fromProxy(reply(500, `Can't reach service for: ${name}.`)),
    // The gateway wraps what the provider says: the provider's own status stands in the text.
    refuseLogs: (reason) => httpError(500, `unknown log request error (${reason === 'bad query' ? 422 : 500})`),
    logsSince: (asked) => asked,
    // The namespace is empty and the text keeps its newline.
    logLine: (name, { instance, timestamp, text }) => ({
      name,
      namespace: '',
      instance,
      timestamp,
      text: `${text}\n`,
    }),
    refuseNamespace,
  };
}

function refuseNamespace(asked: string | undefined): Reply | undefined {
  return asked === undefined || asked === '' || asked === namespace
    ? undefined
    : httpError(400, `namespace must be: ${namespace}`);
}

function reply(status: number, body: string): Reply {
  return { status, body };
}

function accepted(body: FunctionDeployment, replicas: number): Decision {
  return { reply: reply(202, ''), apply: { deployment: { ...body, namespace }, replicas } };
}

/** `com.openfaas.scale.min`: how many replicas a function has at least while it is not scaled to zero. */
function fewestReplicas({ labels }: FunctionDeployment): number {
  const text = labels?.['com.openfaas.scale.min'] ?? '';
  return /^\d+$/.test(text) ? Math.max(1, Number(text)) : 1;
}

/** Nobody else's words: a cluster would try. */
function tooMany(what: string, wanted: number): Reply {
  return httpError(
    400,
    `${what}: ${wanted} is more than the ${mostReplicasHere} replicas of a function that the local gateway starts`,
  );
}

/** What the provider itself refuses before it asks Kubernetes. */
function refuse(body: FunctionDeployment, community: boolean): Reply | undefined {
  if (body.service === '') return httpError(400, 'validation failed: service: is required');
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(body.service) || body.service.length > 63) {
    return httpError(400, `validation failed: service: (${body.service}) is invalid, must be a valid DNS entry`);
  }
  if (body.image === '') return httpError(400, 'validation failed: image: is required');
  return (community ? refuseScaling(body) : refuseCrowd(body)) ?? refuseNamespace(body.namespace);
}

/** The labels that the Community Edition does not take. */
function refuseScaling({ labels }: FunctionDeployment): Reply | undefined {
  if (labels?.['com.openfaas.scale.zero'] === 'true')
    return httpError(400, 'validation failed: com.openfaas.scale.zero is not available for Community Edition');
  const high = ['com.openfaas.scale.min', 'com.openfaas.scale.max'].find(
    (label) => Number(labels?.[label] ?? 0) > mostReplicas,
  );
  return high === undefined
    ? undefined
    : httpError(400, `validation failed: ${high} is set too high for Community Edition`);
}

function refuseCrowd(body: FunctionDeployment): Reply | undefined {
  const fewest = fewestReplicas(body);
  return fewest > mostReplicasHere ? tooMany('com.openfaas.scale.min', fewest) : undefined;
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
    ...present('replicas', state.replicas),
    ...present('availableReplicas', state.availableReplicas),
    createdAt: state.createdAt.replace(/\.\d+Z$/, 'Z'),
  };
}
