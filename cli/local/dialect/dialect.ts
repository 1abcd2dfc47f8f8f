import type { FunctionDeployment } from '../../openfaas/wire.ts';
import type { FunctionState } from '../replicas/provider.ts';

/** A complete answer of the gateway, as text; an empty body has no content type, as with the real ones. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
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
  readonly deployment?: FunctionDeployment;
}

/** What status codes and texts mean at one kind of gateway. Pure: the gateway's routes do what it decides. */
export interface Dialect {
  readonly name: 'faas-netes' | 'faasd';
  /** `provider.orchestration` of `/system/info`. */
  readonly orchestration: string;
  readonly namespace: string;
  /** `body` is the decoded deployment, `undefined` for a body that is no deployment (then `problem` says why). */
  create(body: FunctionDeployment | undefined, problem: string, facts: DeploymentFacts): Decision;
  update(body: FunctionDeployment | undefined, problem: string, facts: DeploymentFacts): Decision;
  remove(name: string, existing: FunctionState | undefined): { readonly reply: Reply; readonly remove: boolean };
  /** `replicas`: the number really taken. */
  scale(
    name: string,
    wanted: number,
    existing: FunctionState | undefined,
  ): { readonly reply: Reply; readonly replicas?: number };
  /** The JSON value of one function. */
  describe(state: FunctionState): Readonly<Record<string, unknown>>;
  /** A scaling request that cannot be read. */
  unreadableScale(): Reply;
  /** `act`: whether the change is really made. */
  secret(
    change: 'create' | 'update' | 'delete',
    name: string,
    exists: boolean,
  ): { readonly reply: Reply; readonly act: boolean };
  /** A request about a secret that cannot be read. */
  unreadableSecret(): Reply;
  /** A call of a function that is not there. */
  unknownFunction(name: string): Reply;
  /** A call of a function without a healthy replica. */
  noEndpoints(name: string): Reply;
  /** A call whose replica broke off before it answered. */
  unreachable(name: string): Reply;
  refuseLogs(reason: 'unknown function' | 'bad query'): Reply;
  /** `undefined` when functions of this namespace are ours. */
  refuseNamespace(namespace: string | undefined): Reply | undefined;
}
