import { describeFailure, type Failure, Interrupted, UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { functionAddress } from '../openfaas/address.ts';
import type { Dialect } from '../openfaas/dialects.ts';
import type { Gateway } from '../openfaas/gateway.ts';
import type { FunctionStatus } from '../openfaas/wire.ts';
import type { ReplicaProbe } from '../replica/probe.ts';
import type { StackFunction } from '../stack/stack.ts';
import type { Clock } from './clock.ts';
import { decide } from './decide.ts';
import { type DeployedImage, describeDeployment } from './deployment.ts';
import { explainRejection, explainWatch } from './explain.ts';
import { identitiesOf } from './identities.ts';
import { type FunctionLine, readLastLines } from './last-lines.ts';
import { type Counts, readinessRule } from './readiness.ts';
import { revisionOf } from './revision.ts';
import { type Sent, sendDeployment } from './send.ts';
import { type Replicas, type WatchResult, watchRollout } from './watch.ts';
import { watchForeign } from './watch-foreign.ts';

/** One function to deploy. `timeoutMilliseconds`: how long to wait for the new code (default one minute). */
export interface DeployRequest {
  readonly fn: StackFunction;
  readonly image: DeployedImage;
  /** Send it although nothing changed: what starts anew reads its secrets anew. */
  readonly again?: boolean | undefined;
  readonly timeoutMilliseconds?: number | undefined;
}

/** What deploying needs of the outside. */
export interface DeployPorts {
  readonly gateway: Gateway;
  readonly dialect: Dialect;
  readonly probe: ReplicaProbe;
  readonly clock: Clock;
  readonly report: Report;
  readonly newDeployId: () => string;
}

/**
 * What became of one function.
 * `ready`: the new code answers, alone. `unproven`: accepted, but nothing can tell which code answers (foreign templates).
 * `not-ready`, `rejected`, `superseded`: see `failure`. `unknown`: nobody can tell whether anything was done, or nothing was (`action` is `none`).
 */
export interface DeployOutcome {
  readonly name: string;
  readonly action: 'created' | 'updated' | 'unchanged' | 'none';
  readonly verdict: 'ready' | 'unproven' | 'not-ready' | 'rejected' | 'superseded' | 'unknown';
  readonly revision: string;
  /** The deploy id that was looked for: a new one, or the running one where nothing was sent. */
  readonly deploy: string;
  readonly replicas: Replicas;
  /** From sending the request to the first answer after which nothing but the wanted code answered. */
  readonly answersAfterMilliseconds: number | undefined;
  readonly url: string;
  readonly counts: Counts | undefined;
  /** After a failure: the last lines of the function's log. */
  readonly logLines: readonly FunctionLine[];
  /** A sentence for `unproven`. */
  readonly remark?: string;
  readonly failure?: Failure;
}

/**
 * Brings one function to the wanted state and watches until the wanted deploy id answers, alone. An unchanged function is sent nothing, but watched all the same.
 * No function is called before the request that changes it has returned. Every failure is in the outcome, a bug of bantam too: what was done before it must be told. Throws Interrupted only.
 */
export async function deployFunction(
  request: DeployRequest,
  ports: DeployPorts,
  signal: AbortSignal,
): Promise<DeployOutcome> {
  const { fn, image } = request;
  const { gateway, clock, report } = ports;
  const revision = revisionOf(fn, image);
  const start: DeployOutcome = {
    name: fn.name,
    action: 'none',
    verdict: 'unknown',
    revision,
    deploy: ports.newDeployId(),
    replicas: { wanted: 0, available: 0, seen: 0 },
    answersAfterMilliseconds: undefined,
    url: functionAddress(gateway.url, fn),
    counts: undefined,
    logLines: [],
  };
  let outcome = start;
  try {
    const current = await gateway.read(fn.name, fn.namespace, signal);
    const decision = decide(current, { revision, image: image.reference, contentKnown: image.digest !== undefined });
    report({ type: 'trace', about: fn.name, text: `${decision.action}: ${decision.why}` });
    if (decision.action === 'unchanged' && request.again !== true) {
      outcome = { ...start, action: 'unchanged', deploy: decision.deploy };
      return await watch(outcome, undefined, true, clock.now());
    }
    await ensureSecrets();
    report({ type: 'progress', about: fn.name, text: decision.action === 'create' ? 'creating' : 'updating' });
    const sentAt = clock.now();
    const deployment = describeDeployment(fn, image, { revision, deploy: start.deploy });
    const sent = await sendDeployment({ deployment, deploy: start.deploy, current }, ports, signal);
    if (sent.outcome !== 'applied') return await fail(explainSent(sent, current));
    outcome = { ...start, action: sent.action };
    return await watch(outcome, current, sent.shown, sentAt);
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    return {
      ...outcome,
      verdict:
        outcome.action === 'none' && error instanceof UserError && error.code === 'BAN-E506' ? 'rejected' : 'unknown',
      failure: describeFailure(error),
    };
  }

  /** On faasd an update that names a missing secret removes the running function: ask before. faas-netes lists not all of them, and refuses without harm. */
  async function ensureSecrets(): Promise<void> {
    if (fn.secrets.length === 0 || !(ports.dialect.listsAllSecrets || ports.dialect.failedUpdateDestroys)) return;
    const known = new Set((await gateway.secrets(fn.namespace, signal)).map(({ name }) => name));
    const missing = fn.secrets.filter((name) => !known.has(name));
    if (missing.length === 0) return;
    throw new UserError(
      'BAN-E506',
      `${fn.name} needs the secret${missing.length > 1 ? 's' : ''} ${missing.join(', ')}, and the gateway has no such; nothing was sent`,
      {
        hint: missing
          .map((name) => `bantam secret create ${name} --from-file FILE --gateway ${gateway.url}`)
          .join('; '),
      },
    );
  }

  function explainSent(
    sent: Exclude<Sent, { outcome: 'applied' }>,
    current: FunctionStatus | undefined,
  ): Pick<DeployOutcome, 'verdict'> & { error: UserError } {
    if (sent.outcome === 'rejected')
      return { verdict: 'rejected', error: explainRejection(fn.name, sent, current, ports.dialect) };
    if (sent.outcome === 'superseded') {
      return {
        verdict: 'superseded',
        error: explainWatch(
          fn.name,
          { verdict: 'superseded', reason: `deploy ${sent.by} took its place` },
          start.deploy,
          ports.dialect,
          [],
        ),
      };
    }
    return {
      verdict: 'unknown',
      error: new UserError(
        sent.error.code,
        `${fn.name}: the answer to the deployment was lost, and the gateway does not show the new deployment running: ${sent.error.message}`,
        {
          hint: 'it may still happen; look with bantam fn list, then deploy again',
          cause: sent.error,
        },
      ),
    };
  }

  async function fail(failed: { verdict: DeployOutcome['verdict']; error: UserError }): Promise<DeployOutcome> {
    return { ...outcome, verdict: failed.verdict, failure: describeFailure(failed.error) };
  }

  async function watch(
    base: DeployOutcome,
    current: FunctionStatus | undefined,
    shown: boolean,
    sentAt: number,
  ): Promise<DeployOutcome> {
    const rule = {
      ...readinessRule,
      deploy: base.deploy,
      timeout: request.timeoutMilliseconds ?? readinessRule.timeout,
      annotationsReturned: shown || ports.dialect.returned.has('annotations'),
      before: current === undefined ? undefined : { deploy: identitiesOf(current).deploy },
    };
    const watched = { name: fn.name, namespace: fn.namespace };
    const watchedAt = clock.now();
    const result: WatchResult<DeployOutcome['verdict']> = image.bantamRuntime
      ? await watchRollout(watched, rule, ports, signal)
      : await watchForeign(
          watched,
          { image: base.action === 'unchanged' ? undefined : image.reference, path: fn.probe },
          rule,
          ports,
          signal,
        );
    const began = result.counts.windowStartMilliseconds;
    const ended = {
      ...base,
      verdict: result.verdict,
      replicas: result.replicas,
      counts: result.counts,
      answersAfterMilliseconds:
        began === undefined || !image.bantamRuntime ? undefined : Math.round(watchedAt - sentAt + began),
    };
    if (result.verdict === 'ready') return ended;
    if (result.verdict === 'unproven') return { ...ended, remark: result.reason };
    const logLines = result.verdict === 'superseded' ? [] : await readLastLines(ports, fn.name, fn.namespace, signal);
    const error = explainWatch(
      fn.name,
      { verdict: result.verdict, reason: result.reason },
      base.deploy,
      ports.dialect,
      logLines,
      { foreign: !image.bantamRuntime, timeout: rule.timeout, unchanged: base.action === 'unchanged' },
    );
    return { ...ended, logLines, failure: describeFailure(error) };
  }
}
