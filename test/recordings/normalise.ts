/**
 * Takes out of a recording what differs from run to run or names a machine. Equal values stay equal and different ones
 * different, in order of appearance, so that "createdAt moved" or "another pod answered" can still be read.
 */

/** What the machine is called, to be replaced in every text. */
export interface Places {
  readonly registry: string;
  readonly gateway: string;
  readonly hosts: readonly string[];
}

/** Replaces volatile values in texts; keeps its memory for one provider's whole run. */
export class Normaliser {
  readonly #known = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  readonly #places: Places;

  constructor(places: Places) {
    this.#places = places;
  }

  /** The text with stand-ins; the same value gets the same stand-in each time. */
  text(value: string): string {
    let text = value.replaceAll(this.#places.registry, 'registry.test:5000');
    text = text.replaceAll(this.#places.gateway, 'gateway.test:8080');
    for (const host of this.#places.hosts) text = text.replaceAll(host, 'node.test');
    return text
      .replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, (found) =>
        this.#standIn('uuid', found, (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`),
      )
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, (found, fraction: string | undefined) =>
        this.#standIn('time', found, (n) => {
          const time = new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString().slice(0, 19);
          return `${time}${fraction === undefined ? '' : `.${'0'.repeat(fraction.length - 1)}`}Z`;
        }),
      )
      .replace(
        /\b(rec-[a-z-]+?)-[bcdfghjklmnpqrstvwxz2456789]{7,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g,
        (found, name: string) => this.#standIn('pod', found, (n) => `${name}-0000000000-${String(n).padStart(5, '0')}`),
      )
      .replace(/("instance":")(\d+)(")/g, (_, before: string, pid: string, after: string) => {
        return before + this.#standIn('process', pid, (n) => String(1000 + n)) + after;
      })
      .replace(/("uid":")(\d+)(")/g, (_, before: string, uid: string, after: string) => {
        return before + this.#standIn('uid', uid, (n) => String(100_000_000 + n)) + after;
      })
      .replace(/127\.0\.0\.1:\d{5}->/g, '127.0.0.1:50000->')
      .replace(/\b(?!127\.0\.0\.1\b)\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(:\d+)?\b/g, (found) =>
        this.#standIn('address', found, (n) => `192.0.2.${n}${found.includes(':') ? ':8080' : ''}`),
      );
  }

  /** Headers with stand-ins. */
  headers(headers: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => {
        if (name === 'x-start-time') return [name, this.#standIn('nanoseconds', value, (n) => `${n}000000000`)];
        if (name === 'x-duration-seconds') return [name, '0.001000'];
        return [name, this.text(value)];
      }),
    );
  }

  #standIn(kind: string, value: string, make: (n: number) => string): string {
    const key = `${kind} ${value}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const standIn = make(count);
    this.#known.set(key, standIn);
    return standIn;
  }
}
