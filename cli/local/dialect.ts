import type { FunctionDeployment } from '../openfaas/wire.ts';
import type { FunctionState } from './provider.ts';

/** A complete answer of the gateway, as text. */
export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** What a dialect may ask about the world to judge a request. */
export interface DeploymentFacts {
  readonly existing: FunctionState | undefined;
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
  /** `act`: whether the change is really made. */
  secret(
    change: 'create' | 'update' | 'delete',
    name: string,
    exists: boolean,
  ): { readonly reply: Reply; readonly act: boolean };
  noEndpoints(name: string): Reply;
  unreachable(name: string): Reply;
  unknownLogs(): Reply;
  /** `undefined` when functions of this namespace are ours. */
  refuseNamespace(namespace: string | undefined): Reply | undefined;
}
