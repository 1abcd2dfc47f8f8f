import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Provider } from '../replicas/provider.ts';
import type { CallActivity } from './activity.ts';

/** Figures of a gateway in Prometheus' text format. */
export interface Metrics {
  readonly contentType: string;
  /** What `GET /metrics` answers. */
  read(): Promise<string>;
  /** Counts one request that is no call. `path` is one of few: a label must not grow with what clients think of. */
  countRequest(request: {
    readonly method: string;
    readonly path: string;
    readonly status: number;
    readonly seconds: number;
  }): void;
}

/**
 * Counts under the names and labels of the real gateway, so that dashboards and alerts fit. Calls of functions that do not exist are left out of the
 * functions' own figures, as there (they never reach its proxy), and so that nobody can make labels without end.
 */
export function createMetrics(activity: CallActivity, provider: Pick<Provider, 'list'>, namespace: string): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const label = (name: string): string => `${name}.${namespace}`;
  const started = new Counter({
    name: 'gateway_function_invocation_started',
    help: 'Calls of a function that have begun.',
    labelNames: ['function_name'],
    registers,
  });
  const total = new Counter({
    name: 'gateway_function_invocation_total',
    help: 'Calls of a function that are over, by the status that the caller got.',
    labelNames: ['function_name', 'code'],
    registers,
  });
  const seconds = new Histogram({
    name: 'gateway_functions_seconds',
    help: 'Seconds from the headers of a call to the last byte of its answer.',
    labelNames: ['function_name', 'code'],
    registers,
  });
  new Gauge({
    name: 'gateway_service_count',
    help: 'Replicas that a function has.',
    labelNames: ['function_name'],
    registers,
    collect() {
      this.reset();
      for (const { name, replicas } of provider.list()) this.set({ function_name: label(name) }, replicas);
    },
  });
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests of /system and /async-function that are over.',
    labelNames: ['method', 'path', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Seconds that these requests took.',
    labelNames: ['method', 'path', 'status'],
    registers,
  });
  activity.events.on('started', (call) => {
    if (call.known) started.inc({ function_name: label(call.function) });
  });
  activity.events.on('finished', (call) => {
    if (!call.known) return;
    const labels = { function_name: label(call.function), code: String(call.status) };
    total.inc(labels);
    seconds.observe(labels, call.milliseconds / 1000);
  });
  return {
    contentType: registry.contentType,
    read: () => registry.metrics(),
    countRequest: ({ method, path, status, seconds }) => {
      const labels = { method, path, status: String(status) };
      requests.inc(labels);
      durations.observe(labels, seconds);
    },
  };
}
