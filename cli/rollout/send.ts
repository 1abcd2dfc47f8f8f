import { UserError } from '../errors.ts';
import type { Dialect } from '../openfaas/dialects.ts';
import type { Answer, Gateway } from '../openfaas/gateway.ts';
import type { FunctionDeployment, FunctionStatus } from '../openfaas/wire.ts';
import type { Clock } from './clock.ts';
import { identitiesOf } from './identities.ts';

/** What sending needs of the outside. */
export interface SendPorts {
  readonly gateway: Pick<Gateway, 'create' | 'update' | 'read'>;
  readonly dialect: Dialect;
  readonly clock: Clock;
}

/** What is to be sent, and what ran before. */
export interface Sending {
  readonly deployment: FunctionDeployment;
  readonly deploy: string;
  readonly current: FunctionStatus | undefined;
}

/**
 * What became of a request.
 * - `applied`: the gateway shows the deploy id (`shown`), or took the request and its status tells nothing.
 * - `rejected`: it did not take it; `after` is what it shows now.
 * - `superseded`: it shows a third deploy id.
 * - `lost`: no answer came, and the deploy id did not show up: nobody can tell whether it still will.
 */
export type Sent =
  | { readonly outcome: 'applied'; readonly shown: boolean; readonly action: 'created' | 'updated' }
  | { readonly outcome: 'rejected'; readonly reason: string; readonly after: FunctionStatus | undefined | 'unreadable' }
  | { readonly outcome: 'superseded'; readonly by: string }
  | { readonly outcome: 'lost'; readonly error: UserError };

/** How long a status may lag behind an answer (providers with caches), a request may outlive its answer, and a function may take to be removed. */
const lag = 5000;
const afterlife = 20_000;
const removal = 30_000;
const pause = 250;

/**
 * Sends a deployment (PUT, or POST where the function is absent) and reads back what became of it. The same request is repeated
 * only where the answer proves that nothing was done (absent, exists, still being removed). Throws BAN-E402, BAN-E403, Interrupted.
 */
export async function sendDeployment(sending: Sending, ports: SendPorts, signal: AbortSignal): Promise<Sent> {
  const { deployment, current } = sending;
  const { gateway, dialect, clock } = ports;
  const end = clock.now() + removal;
  let exists = current !== undefined;
  for (let turns = 0; ; ) {
    let answer: Answer;
    try {
      answer = await (exists ? gateway.update(deployment, signal) : gateway.create(deployment, signal));
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'BAN-E401') throw error;
      return afterLoss(sending, exists, error, ports, signal);
    }
    const judgement = exists ? dialect.judgeUpdate(answer) : dialect.judgeCreate(answer);
    const action = exists ? 'updated' : 'created';
    switch (judgement.verdict) {
      case 'accepted':
        return confirmAccepted(sending, action, answer, ports, signal);
      case 'look':
        return judgement.late
          ? afterLoss(sending, exists, new UserError('BAN-E405', judgement.reason), ports, signal)
          : confirmUnsure(sending, action, judgement.reason, ports, signal);
      case 'rejected': {
        const after = await readBack(sending, ports, signal);
        // A success by its status, and the id is there: whatever the dialect thinks of such answers, it was taken.
        if (answer.status < 300 && typeof after === 'object' && identitiesOf(after).deploy === sending.deploy)
          return { outcome: 'applied', shown: true, action };
        return { outcome: 'rejected', reason: judgement.reason, after };
      }
      case 'absent':
      case 'exists':
        if (++turns > 3)
          return {
            outcome: 'rejected',
            reason: 'the gateway says in turns that it exists and that it does not',
            after: await readBack(sending, ports, signal),
          };
        exists = judgement.verdict === 'exists';
        break;
      case 'busy':
        if (clock.now() >= end)
          return { outcome: 'rejected', reason: judgement.reason, after: await readBack(sending, ports, signal) };
        await clock.sleep(pause * 2, signal);
    }
  }
}

/** The provider said yes: that the status cannot be read just now proves nothing against it, that it shows something else does. */
async function confirmAccepted(
  sending: Sending,
  action: 'created' | 'updated',
  answer: Answer,
  ports: SendPorts,
  signal: AbortSignal,
): Promise<Sent> {
  const sent = await confirm(
    sending,
    action,
    `the gateway answered ${answer.status}, but does not show the new deployment`,
    ports,
    signal,
  );
  return sent.outcome === 'rejected' && sent.after === 'unreadable'
    ? { outcome: 'applied', shown: false, action }
    : sent;
}

/** The answer proved nothing, so the status must: where that cannot be read either, nobody can tell. */
async function confirmUnsure(
  sending: Sending,
  action: 'created' | 'updated',
  reason: string,
  ports: SendPorts,
  signal: AbortSignal,
): Promise<Sent> {
  const sent = await confirm(sending, action, reason, ports, signal);
  if (sent.outcome !== 'rejected' || sent.after !== 'unreadable') return sent;
  return { outcome: 'lost', error: new UserError('BAN-E405', `${reason}; its status cannot be read`) };
}

/** Reads until the deploy id shows, or until the status had time enough to show it. */
async function confirm(
  sending: Sending,
  action: 'created' | 'updated',
  reason: string,
  ports: SendPorts,
  signal: AbortSignal,
  patience: { readonly milliseconds: number; readonly running: boolean } = { milliseconds: lag, running: false },
): Promise<Sent> {
  const returned = ports.dialect.returned.has('annotations');
  const end = ports.clock.now() + patience.milliseconds;
  const before = sending.current === undefined ? undefined : identitiesOf(sending.current).deploy;
  for (;;) {
    const after = await readBack(sending, ports, signal);
    if (typeof after === 'object') {
      const { deploy } = identitiesOf(after);
      const done = !patience.running || after.availableReplicas > 0;
      if (deploy === sending.deploy && done) return { outcome: 'applied', shown: true, action };
      if (!returned && deploy === undefined && after.image === sending.deployment.image && done)
        return { outcome: 'applied', shown: false, action };
      if (deploy !== undefined && deploy !== before && deploy !== sending.deploy)
        return { outcome: 'superseded', by: deploy };
    }
    if (ports.clock.now() >= end) return { outcome: 'rejected', reason, after };
    await ports.clock.sleep(pause, signal);
  }
}

/**
 * No answer: the request may have been done, may be under way, or never have arrived. The status decides; nothing is sent again.
 * Where a call may disturb a change under way (faasd starts the half-made container itself), the new one must be running before it counts.
 */
async function afterLoss(
  sending: Sending,
  exists: boolean,
  error: UserError,
  ports: SendPorts,
  signal: AbortSignal,
): Promise<Sent> {
  const patience = { milliseconds: afterlife, running: ports.dialect.failedUpdateDestroys };
  const sent = await confirm(sending, exists ? 'updated' : 'created', '', ports, signal, patience);
  return sent.outcome === 'rejected' || (sent.outcome === 'applied' && !sent.shown) ? { outcome: 'lost', error } : sent;
}

async function readBack(
  sending: Sending,
  ports: SendPorts,
  signal: AbortSignal,
): Promise<FunctionStatus | undefined | 'unreadable'> {
  try {
    return await ports.gateway.read(sending.deployment.service, sending.deployment.namespace, signal);
  } catch (error) {
    if (error instanceof UserError && error.code !== 'BAN-E402') return 'unreadable';
    throw error;
  }
}
