import { EventEmitter, once } from 'node:events';
import { Interrupted } from '../../errors.ts';
import type { DesiredFunction, FunctionState, ReplicaLogLine } from './provider.ts';
import type { Replica } from './replica.ts';
import { nextStep } from './rolling-update.ts';

/** What one function needs from its provider. */
export interface RolloutOptions {
  /** Makes and starts one replica of the function as it is desired now. */
  readonly makeReplica: (
    desired: DesiredFunction,
    events: { changed: () => void; announce: (instance: string, text: string, hint?: string) => void },
  ) => Replica;
  /** Something about one replica is worth a line: a fault, a copy of an image used. */
  readonly announce: (functionName: string, text: string, hint?: string) => void;
  /** A replica could not be stopped or removed; clean-up by label gets another chance at the end. */
  readonly failed: (error: unknown) => void;
}

interface RolloutEvents {
  notice: [ReplicaLogLine];
  replica: [Replica];
  /** Something about the replicas is not as it was. */
  changed: [];
}

/** Lines the provider keeps of its own about one function. */
const keptNotices = 100;

/** All replicas of one function: takes what is desired and, after every change of a replica, makes the next step towards it. */
export class FunctionRollout {
  readonly events = new EventEmitter<RolloutEvents>();
  readonly #options: RolloutOptions;
  #desired: DesiredFunction;
  #replicas: readonly Replica[] = [];
  #notices: ReplicaLogLine[] = [];
  #removing = false;
  #graceSeconds: number | undefined;
  #settling = false;
  #unsettled = false;
  readonly #ending = new Set<Promise<void>>();

  constructor(desired: DesiredFunction, options: RolloutOptions) {
    this.#desired = desired;
    this.#options = options;
    // One follower of logs per client and function; there is no sensible limit.
    this.events.setMaxListeners(0);
    this.#settle();
  }

  get removing(): boolean {
    return this.#removing;
  }
  get replicas(): readonly Replica[] {
    return this.#replicas;
  }
  get notices(): readonly ReplicaLogLine[] {
    return this.#notices;
  }

  get state(): FunctionState {
    return {
      ...this.#desired,
      availableReplicas: this.#replicas.filter((replica) => replica.ready).length,
      removing: this.#removing,
      faults: this.#replicas.flatMap((replica) =>
        replica.fault === undefined ? [] : [{ instance: replica.name, reason: replica.fault }],
      ),
      replicaStates: this.#replicas.map((replica) => replica.state),
    };
  }

  get endpoints(): readonly string[] {
    if (this.#removing) return [];
    return this.#replicas.flatMap((replica) => (replica.address === undefined ? [] : [replica.address]));
  }

  apply(desired: DesiredFunction): void {
    this.#desired = desired;
    this.#settle();
  }

  /** Stops all replicas and waits for their end. A shorter grace is for the end of the whole gateway. */
  async remove(graceSeconds?: number): Promise<void> {
    this.#removing = true;
    this.#graceSeconds = graceSeconds;
    this.#settle();
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  /** See `Provider.settled`. */
  async settled(generation: string, signal: AbortSignal): Promise<void> {
    while (!this.#removing && this.#desired.generation === generation && !this.#hasSettled()) {
      await once(this.events, 'changed', { signal }).catch(() => {
        throw new Interrupted();
      });
    }
  }

  #hasSettled(): boolean {
    const { generation, replicas, strategy } = this.#desired;
    const [current, old] = [true, false].map((isCurrent) =>
      this.#replicas.filter((replica) => (replica.generation === generation) === isCurrent),
    );
    if (current === undefined || old === undefined) return true;
    if (strategy === 'replace' && old.length > 0) return false;
    const started = current.filter((replica) => replica.started && !replica.stopping).length;
    return started >= replicas || current.some((replica) => replica.fault !== undefined);
  }

  /** Steps until nothing is left to do now; called again by every change of a replica, also by those it makes itself. */
  #settle(): void {
    this.#unsettled = true;
    if (this.#settling) return;
    this.#settling = true;
    while (this.#unsettled) {
      this.#unsettled = false;
      const { generation, replicas, strategy } = this.#desired;
      const step = nextStep(this.#replicas, generation, this.#removing ? 0 : replicas, strategy);
      for (const name of step.stop) this.#stop(name);
      for (let count = 0; count < step.start; count += 1) this.#start();
    }
    this.#settling = false;
    this.events.emit('changed');
  }

  #start(): void {
    const replica = this.#options.makeReplica(this.#desired, {
      changed: () => this.#settle(),
      announce: (instance, text, hint) => this.#notice(instance, text, hint),
    });
    this.#replicas = [...this.#replicas, replica];
    this.events.emit('replica', replica);
  }

  #stop(name: string): void {
    const replica = this.#replicas.find((candidate) => candidate.name === name);
    if (replica === undefined) return;
    const ended = replica
      .stop(this.#graceSeconds)
      .catch((error: unknown) => this.#options.failed(error))
      .finally(() => {
        this.#replicas = this.#replicas.filter((other) => other !== replica);
        this.#ending.delete(ended);
        // Who replaces waits for the end of the old one.
        this.#settle();
      });
    this.#ending.add(ended);
  }

  #notice(instance: string, text: string, hint?: string): void {
    this.#options.announce(this.#desired.name, text, hint);
    const line = { instance, timestamp: new Date().toISOString(), text: `[bantam local] ${text}` };
    this.#notices = [...this.#notices, line].slice(-keptNotices);
    this.events.emit('notice', line);
  }
}
