import { once } from 'node:events';
import { UserError } from '../../cli/errors.ts';
import { instanceLabel } from '../../cli/local/replicas/names.ts';
import type { ContainerEngine, ContainerPlan, ContainerState, PullOptions } from '../../cli/tools/container-engine.ts';

interface FakeContainer {
  readonly plan: ContainerPlan;
  starts: number;
  running: boolean;
  readonly end: AbortController[];
}

/**
 * A container engine without containers: it keeps book of what it was asked for. `hostPort` tells the published port of a container
 * at its nth start; what answers there is the test's own server.
 */
export class EngineInMemory implements ContainerEngine {
  readonly address = 'memory';
  readonly onThisMachine = true;
  readonly pulls: { readonly reference: string; readonly options: PullOptions }[] = [];
  readonly made = new Map<string, FakeContainer>();
  readonly networkInstances = new Map<string, string>();
  /** Every call that changed or listed something, by name. */
  readonly asked: string[] = [];
  hostPort: (start: number) => number | undefined = () => undefined;
  /** Thrown by every pull. */
  pullFailure: UserError | undefined;
  lines: readonly string[] = [];
  /** Of every image in its store; `undefined`: there is none. */
  environment: Readonly<Record<string, string>> | undefined = {};

  async facts() {
    return { version: '0', platform: 'linux/amd64', cpus: 1 };
  }

  /** Ends a running container by itself, as a crash would. */
  crash(id: string): void {
    const container = this.made.get(id);
    if (container === undefined) throw new Error(`there is no container ${id}`);
    container.running = false;
    for (const waiting of container.end.splice(0)) waiting.abort();
  }

  readonly images: ContainerEngine['images'] = {
    pull: async (reference, options = {}) => {
      this.pulls.push({ reference, options });
      if (this.pullFailure !== undefined) throw this.pullFailure;
    },
    inspect: async () => this.environment && { id: 'sha256:0', platform: 'linux/amd64', environment: this.environment },
  };

  readonly containers: ContainerEngine['containers'] = {
    create: async (plan) => {
      const id = `container-${this.made.size + 1}`;
      this.asked.push(`create ${id}`);
      this.made.set(id, { plan, starts: 0, running: false, end: [] });
      return id;
    },
    start: async (id) => {
      const container = this.made.get(id);
      if (container === undefined) throw new UserError('BAN-E602', `there is no container ${id}`);
      container.starts += 1;
      container.running = true;
    },
    stop: async (id) => {
      if (this.made.has(id)) this.crash(id);
    },
    remove: async (id) => {
      this.asked.push(`remove ${id}`);
      if (this.made.has(id)) this.crash(id);
      this.made.delete(id);
    },
    inspect: async (id): Promise<ContainerState | undefined> => {
      const container = this.made.get(id);
      if (container === undefined) return undefined;
      const hostPort = container.running ? this.hostPort(container.starts) : undefined;
      return { id, running: container.running, exitCode: 0, outOfMemory: false, error: '', hostPort };
    },
    wait: async (id, signal) => {
      const container = this.made.get(id);
      if (container?.running === true) {
        const ended = new AbortController();
        container.end.push(ended);
        const either = AbortSignal.any([ended.signal, signal]);
        if (!either.aborted) await once(either, 'abort');
      }
      return 0;
    },
    logs: (_id, _query) => this.#logs(),
    list: async (label, value) => {
      this.asked.push(`list ${value}`);
      return [...this.made]
        .filter(([, { plan }]) => plan.labels[label] === value)
        .map(([id, { plan, running }]) => ({ id, name: plan.name, labels: plan.labels, running }));
    },
  };

  readonly networks: ContainerEngine['networks'] = {
    create: async (name, labels) => {
      this.networkInstances.set(name, labels[instanceLabel] ?? '');
      // An address for documentation: never one of this machine.
      return { id: name, gateway: '192.0.2.1' };
    },
    remove: async (id) => {
      this.asked.push(`remove ${id}`);
      this.networkInstances.delete(id);
    },
    list: async (_label, value) =>
      [...this.networkInstances].filter(([, instance]) => instance === value).map(([id]) => id),
  };

  async *#logs() {
    for (const text of this.lines) yield { stream: 'stdout' as const, timestamp: '2026-01-31T12:00:00Z', text };
  }
}
