/** Prometheus' own default buckets, in seconds; of-watchdog uses them too. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Series {
  readonly labels: string;
  count: number;
  sum: number;
  /** Calls whose duration is in this bucket and in none before; the last one is beyond all. */
  readonly inBucket: number[];
}

/** Counts calls under the names of of-watchdog. */
export class Metrics {
  inFlight = 0;
  readonly #series = new Map<string, Series>();

  count(code: number, method: string, seconds: number): void {
    const series = this.#seriesOf(`${method} ${code}`, code, method);
    series.count += 1;
    series.sum += seconds;
    let bucket = 0;
    while (bucket < buckets.length && seconds > (buckets[bucket] ?? 0)) bucket += 1;
    series.inBucket[bucket] = (series.inBucket[bucket] ?? 0) + 1;
  }

  /** The calls in Prometheus' text format 0.0.4. */
  render(): string {
    const all = [...this.#series.values()];
    return [
      describe('http_requests_total', 'counter', 'Calls answered.'),
      ...all.map(({ labels, count }) => `http_requests_total{${labels}} ${count}`),
      describe(
        'http_request_duration_seconds',
        'histogram',
        'Time from the head of a request to the end of its answer.',
      ),
      ...all.flatMap(renderHistogram),
      describe('http_requests_in_flight', 'gauge', 'Calls not yet answered.'),
      `http_requests_in_flight ${this.inFlight}`,
      '',
    ].join('\n');
  }

  #seriesOf(key: string, code: number, method: string): Series {
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    // Node's parser knows the methods that there are: nobody can make series without end.
    const labels = `code="${code}",method="${method.toLowerCase()}"`;
    const made: Series = { labels, count: 0, sum: 0, inBucket: new Array(buckets.length + 1).fill(0) };
    this.#series.set(key, made);
    return made;
  }
}

function renderHistogram({ labels, count, sum, inBucket }: Series): string[] {
  const name = 'http_request_duration_seconds';
  let below = 0;
  const lines = buckets.map((limit, bucket) => {
    below += inBucket[bucket] ?? 0;
    return `${name}_bucket{${labels},le="${limit}"} ${below}`;
  });
  return [
    ...lines,
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${sum}`,
    `${name}_count{${labels}} ${count}`,
  ];
}

/** The two lines that go before a metric. */
export function describe(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}`;
}
