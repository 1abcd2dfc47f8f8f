import { isSecretName } from '../../openfaas/secret-name.ts';
import type { FunctionDeployment } from '../../openfaas/wire.ts';
import { type Dialect, fromProxy, httpError, notFound, type Reply } from './dialect.ts';
import { describeFaasd } from './faasd-description.ts';
import { pullProblem, referenceProblem } from './faasd-image.ts';

const namespace = 'openfaas-fn';
/** How far back logs go if nobody says. */
const logWindow = 5 * 60_000;

/**
 * The answers of faasd 0.18 behind the gateway, as recorded from a real one (test/recordings; test/local/recorded-answers.test.ts holds this one to
 * them): 200 once a change is done, one replica, and an update that has destroyed the running function when it fails.
 *
 * Calls: a function that is there but does not answer is 500 at once. The real one starts a function that has ended when it is called, and may then
 * let the call hang; here it is started again by itself.
 */
export const faasd: Dialect = {
  name: 'faasd',
  title: 'faasd',
  orchestration: 'containerd',
  namespace,
  strategy: 'replace',
  // One replica is all there is: any number is taken and means one.
  allowReplicas: () => 1,
  answersWhenDone: true,
  // The real one does not wait; but there a function is called as soon as it listens, here once it has been seen to be healthy.
  firstAnswer: 1000,
  updateCreatesAnew: true,
  create(body, problem, { existing, hasSecret }) {
    if (body === undefined) return { reply: httpError(400, problem) };
    const refusal = refuseNamespace(body.namespace);
    if (refusal !== undefined) return { reply: refusal };
    const missing = missingSecret(body, hasSecret);
    if (missing !== undefined) return { reply: httpError(400, missing) };
    const unreadable = referenceProblem(body.image);
    if (unreadable !== undefined) return { reply: httpError(400, unreadable) };
    return {
      prepare: body,
      decide(failure) {
        if (failure !== undefined) return { reply: httpError(400, pullProblem(body.image, failure)) };
        const refused = containerProblem(body.service, existing !== undefined);
        if (refused !== undefined)
          return { reply: httpError(400, `unable to create container: ${body.service}, error: ${refused}`) };
        return { reply: done, apply: accepted(body) };
      },
    };
  },
  update(body, problem, { existing, hasSecret }) {
    if (body === undefined) return { reply: httpError(400, problem) };
    const refusal = refuseNamespace(body.namespace);
    if (refusal !== undefined) return { reply: refusal };
    if (existing === undefined || existing.removing) return { reply: httpError(404, unknownService(body.service)) };
    const missing = missingSecret(body, hasSecret);
    // The real one says what is wrong, goes on all the same, and says it again when it stands before the removed function.
    const destroyed = (text: string) => {
      const status = missing === undefined ? 500 : 400;
      return { reply: httpError(status, [missing, text, text].flatMap((line) => line ?? []).join('\n')), remove: true };
    };
    const unreadable = referenceProblem(body.image);
    if (unreadable !== undefined) return destroyed(unreadable);
    return {
      prepare: body,
      decide(failure) {
        if (failure !== undefined) return destroyed(pullProblem(body.image, failure));
        return { reply: missing === undefined ? done : httpError(400, missing), apply: accepted(body) };
      },
    };
  },
  remove(name, existing) {
    if (existing === undefined || existing.removing) return { reply: httpError(404, unknownService(name)) };
    return { reply: done, remove: true };
  },
  unreadableRemoval: (problem) => httpError(400, problem),
  scale: (name, _, existing) => ({
    reply: existing === undefined || existing.removing ? httpError(404, unknownService(name)) : done,
  }),
  unreadableScale: () => httpError(400, 'Error unmarshalling request body'),
  // Its container is gone for a moment while a new one takes its place.
  isThere: (state) => !state.removing && state.replicaStates.every(({ generation }) => generation === state.generation),
  describe: (state, view) => describeFaasd(state, namespace, view),
  secret(change, name, exists) {
    if (change === 'delete') {
      // What removing the file says.
      const gone = `remove /var/lib/faasd/secrets/${namespace}/${name}: no such file or directory`;
      return { reply: exists ? done : httpError(500, gone), act: exists };
    }
    if (name.trim() === '') return { reply: httpError(400, 'non-empty name is required'), act: false };
    if (/\/|\.\./.test(name)) return { reply: httpError(400, 'directory traversal found in name'), act: false };
    if (!isSecretName(name)) return { reply: httpError(400, unportable(name)), act: false };
    return { reply: done, act: true };
  },
  unreadableSecret: (problem) => httpError(500, problem),
  secretListType: 'text/plain; charset=utf-8',
  unknownFunction: (name) => notFound(name, namespace),
  noEndpoints: (name) => unreachable(name),
  unreachable: (name) => unreachable(name),
  refuseLogs: (reason) => (reason === 'bad query' ? httpError(500, 'unknown log request error (422)') : done),
  logsSince: (asked, now) => (asked === undefined || asked >= now ? now - logWindow : asked),
  logLine: (name, { instance, timestamp, text }) => ({ name, namespace, instance, timestamp, text }),
  refuseNamespace,
};

const done: Reply = { status: 200, body: '' };

function accepted(body: FunctionDeployment): { deployment: FunctionDeployment; replicas: number } {
  return { deployment: { ...body, namespace }, replicas: 1 };
}

function unknownService(name: string): string {
  return `service ${name} not found`;
}

function missingSecret({ secrets }: FunctionDeployment, hasSecret: (name: string) => boolean): string | undefined {
  const missing = secrets?.find((name) => !hasSecret(name));
  return missing === undefined ? undefined : `unable to find secret: ${missing}`;
}

/** What containerd says of a container's name, once its image is there. */
function containerProblem(name: string, exists: boolean): string | undefined {
  const invalid = 'create container failed validation: container.ID: identifier';
  const pattern = '^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$';
  if (name === '') return `${invalid} must not be empty: invalid argument`;
  if (name.length > 76) return `${invalid} "${name}" greater than maximum length (76 characters): invalid argument`;
  if (!new RegExp(pattern).test(name)) return `${invalid} "${name}" must match ${pattern}: invalid argument`;
  return exists ? `snapshot "${name}-snapshot": already exists` : undefined;
}

/** Nobody else's words: faasd takes any file name. */
function unportable(name: string): string {
  return `"${name}" is no name that Kubernetes would take too: use lower-case letters, digits, "-" and "."`;
}

function unreachable(name: string): Reply {
  return { ...fromProxy(httpError(500, `Can't reach service for: ${name}.`)), signed: true };
}

function refuseNamespace(asked: string | undefined): Reply | undefined {
  return asked === undefined || asked === '' || asked === namespace ? undefined : httpError(400, 'namespace not valid');
}
