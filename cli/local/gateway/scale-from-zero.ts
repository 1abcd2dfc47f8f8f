import { pause } from '../replicas/pause.ts';
import type { Provider } from '../replicas/provider.ts';

/** Between two looks whether a replica is ready, in milliseconds. */
const interval = 25;
const neverAborted = new AbortController().signal;

/**
 * Starts again what was scaled to zero when it is called: as many replicas as the label `com.openfaas.scale.min` says, else one. Calls of the same function
 * wait together.
 */
export class ScaleFromZero {
  readonly #provider: Pick<Provider, 'find' | 'endpoints' | 'apply'>;
  readonly #bound: number;
  readonly #waking = new Map<string, Promise<boolean>>();

  /** `bound`: how long a call waits for a replica, in milliseconds. */
  constructor(provider: Pick<Provider, 'find' | 'endpoints' | 'apply'>, bound: number) {
    this.#provider = provider;
    this.#bound = bound;
  }

  /** Whether a function that was at zero has a ready replica now; at once `false` for all others. Never rejects; bounded. */
  wake(name: string): Promise<boolean> {
    const waking = this.#waking.get(name);
    if (waking !== undefined) return waking;
    const state = this.#provider.find(name);
    if (state === undefined || state.removing || state.replicas > 0) return Promise.resolve(false);
    const { generation, createdAt, deployment, strategy, imageEnvironment } = state;
    const fewest = Number.parseInt(deployment.labels?.['com.openfaas.scale.min'] ?? '', 10) || 1;
    const replicas = Math.max(1, fewest);
    this.#provider.apply({ name, generation, createdAt, deployment, strategy, imageEnvironment, replicas });
    const woken = this.#untilReady(name).finally(() => this.#waking.delete(name));
    this.#waking.set(name, woken);
    return woken;
  }

  async #untilReady(name: string): Promise<boolean> {
    const end = performance.now() + this.#bound;
    while (performance.now() < end) {
      if (this.#provider.endpoints(name).length > 0) return true;
      const state = this.#provider.find(name);
      // Removed, scaled to zero again, or the gateway has closed, while it was to start.
      if (state === undefined || state.removing || state.replicas === 0) return false;
      await pause(interval, neverAborted);
    }
    return false;
  }
}
