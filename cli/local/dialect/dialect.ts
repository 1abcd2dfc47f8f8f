import type { UserError } from '../../errors.ts';
import type { FunctionDeployment } from '../../openfaas/wire.ts';
import type { FunctionState, ReplicaLogLine } from '../replicas/provider.ts';

/** A complete answer of the gateway, as text; an empty body has no content type, as with the real ones. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether an answer to a call carries `X-Call-Id` and `X-Start-Time`, as those of functions do. */
  readonly signed?: boolean;
}

/** An error in the form of Go's `http.Error`: a line end behind the text, and a header that forbids to guess its type. */
export function httpError(status: number, text: string): Reply {
  return { status, body: `${text}\n`, headers: { 'X-Content-Type-Options': 'nosniff' } };
}

/** What a dialect may ask about the world to judge a request. */
export interface DeploymentFacts {
  readonly existing: FunctionState | undefined;
  /** The mark that the deployment gets if it is taken: 16 hex digits, new each time. */
  readonly generation: string;
  readonly hasSecret: (name: string) => boolean;
}

/** The judgement of a request: what is answered, and what (if anything) is really done. The two need not agree: faas-netes answers 200 to what it refuses. */
export interface Decision {
  readonly reply: Reply;
  /** What the function is to be from now on, and how many replicas it is to have. */
  readonly apply?: { readonly deployment: FunctionDeployment; readonly replicas: number } | undefined;
  /** The function goes. */
  readonly remove?: boolean | undefined;
}

/** A judgement that needs the image first: the provider is told to bring it, and `decide` gets what it found wrong. */
export interface ImageQuestion {
  readonly prepare: FunctionDeployment;
  readonly decide: (problem: UserError | undefined) => Decision;
}

/** What status codes and texts mean at one kind of gateway. Pure: the gateway's routes do what it decides. */
export interface Dialect {
  readonly name: 'faas-netes' | 'faasd';
  /** For people: the name, and whether it has the limits of the Community Edition. */
  readonly title: string;
  /** `provider.orchestration` of `/system/info`. */
  readonly orchestration: string;
  readonly namespace: string;
  /** How the next version of a function takes the place of the one before: beside it, or after it is gone. */
  readonly strategy: 'rolling' | 'replace';
  /** How many replicas it lets a function have that wants so many: also one that was deployed while the gateway spoke otherwise. */
  allowReplicas(wanted: number): number;
  /** Whether a change is answered once it is done, or as soon as it is taken. */
  readonly answersWhenDone: boolean;
  /** Where it is: how long it then still waits for the first answer, in milliseconds, so that a call right behind it does not come too early. */
  readonly firstAnswer: number;
  /** Whether an update is a new creation, with a time of its own. */
  readonly updateCreatesAnew: boolean;
  /** `body` is the decoded deployment, `undefined` for a body that is no deployment (then `problem` says why). */
  create(body: FunctionDeployment | undefined, problem: string, facts: DeploymentFacts): Decision | ImageQuestion;
  update(body: FunctionDeployment | undefined, problem: string, facts: DeploymentFacts): Decision | ImageQuestion;
  remove(name: string, existing: FunctionState | undefined): Decision;
  /** A removal that cannot be read. */
  unreadableRemoval(problem: string): Reply;
  /** `wanted` is a whole number, not negative. */
  scale(name: string, wanted: number, existing: FunctionState | undefined): Decision;
  /** A scaling request that cannot be read. */
  unreadableScale(): Reply;
  /** Whether a function is told of; one that is being removed or replaced may be gone for those who ask. */
  isThere(state: FunctionState): boolean;
  /** The JSON value of one function, asked for by name or as one of the list. */
  describe(state: FunctionState, view: 'one' | 'list'): Readonly<Record<string, unknown>>;
  /** `act`: whether the change is really made. */
  secret(
    change: 'create' | 'update' | 'delete',
    name: string,
    exists: boolean,
  ): { readonly reply: Reply; readonly act: boolean };
  /** A request about a secret that cannot be read. */
  unreadableSecret(problem: string): Reply;
  /** The content type of the list of secrets. */
  readonly secretListType: string;
  /** A call of a function that is not there. */
  unknownFunction(name: string): Reply;
  /** A call of a function without a healthy replica. */
  noEndpoints(name: string): Reply;
  /** A call whose replica broke off before it answered. */
  unreachable(name: string): Reply;
  /** What stands instead of logs. */
  refuseLogs(reason: 'unknown function' | 'bad query'): Reply;
  /** From when on lines are shown, in milliseconds since 1970, if `asked` was asked for at `now`; `undefined`: all there are. */
  logsSince(asked: number | undefined, now: number): number | undefined;
  /** The JSON value of a line. */
  logLine(name: string, line: ReplicaLogLine): Readonly<Record<string, string>>;
  /** `undefined` when functions of this namespace are ours. */
  refuseNamespace(namespace: string | undefined): Reply | undefined;
}

/** The most replicas of one function here: a number with a nought too many must not take the whole machine. */
export const mostReplicasHere = 100;

/** Go's omitempty: nothing for absent and for empty values. */
export function present(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null || value === '' || value === 0) return {};
  if (typeof value === 'object' && Object.keys(value).length === 0) return {};
  return { [name]: value };
}

/** The part of the gateway that passes calls on signs its own errors. */
export function fromProxy({ status, body, headers }: Reply): Reply {
  return { status, body, headers: { ...headers, 'X-Openfaas-Internal': 'proxy' } };
}

/** What both kinds of provider make the gateway say of a function that is not there. */
export function notFound(name: string, namespace: string): Reply {
  return {
    status: 404,
    body: `error finding function ${name}.${namespace}: server returned non-200 status code (404) for function, ${name}, body: `,
  };
}
