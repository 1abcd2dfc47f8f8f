import { call, expectStatus } from './call.ts';
import { Unkept } from './expectation.ts';
import type { Replica } from './target.ts';

/** One line of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a replica says on its metrics port. */
export interface Metrics {
  readonly samples: readonly Sample[];
  /** `# TYPE` by name. */
  readonly types: ReadonlyMap<string, string>;
  readonly contentType: string;
  /** The one sample of this name with these labels, no more and no fewer; 0 if there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number;
}

/** Reads `/metrics`. Throws {@link Unkept} where it is not Prometheus' text format. */
export async function metricsOf(replica: Replica): Promise<Metrics> {
  const url = replica.metricsUrl.replace(/\/metrics$/, '');
  const answer = await call({ url, signal: replica.signal }, '/metrics');
  expectStatus(answer, 200, 'GET /metrics');
  return parseMetrics(answer.body, answer.header('content-type') ?? '');
}

/** Prometheus' text format, as far as a replica writes it: no time stamps, no exemplars. */
export function parseMetrics(text: string, contentType = ''): Metrics {
  const samples: Sample[] = [];
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, typed = '', type = ''] = /^# TYPE (\S+) (\w+)$/.exec(line) ?? [];
    if (typed !== '') types.set(typed, type);
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) throw new Unkept(`GET /metrics: expected Prometheus' text format, got the line ${line}`);
    const labels = Object.fromEntries(
      [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [name, value]),
    );
    samples.push({ name: match[1] ?? '', labels, value: Number((match[3] ?? '').replace('Inf', 'Infinity')) });
  }
  const same = (left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean =>
    Object.keys(left).length === Object.keys(right).length &&
    Object.entries(left).every(([name, value]) => right[name] === value);
  return {
    samples,
    types,
    contentType,
    value: (name, labels = {}) =>
      samples.find((sample) => sample.name === name && same(sample.labels, labels))?.value ?? 0,
  };
}
