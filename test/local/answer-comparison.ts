/** Compares answers of gateways part by part: JSON whatever the order of its keys, stand-ins of test/recordings/normalise.ts whatever their numbers. */
import * as v from 'valibot';
import type { Answer } from '../recordings/gateway-call.ts';

/** An answer as flat text: `status`, `body`, one entry per header; or `failure`. */
export type Flat = Readonly<Record<string, string>>;

/** An answer as its parts; JSON in the body with its keys in order. */
export function flatten(answer: Answer): Flat {
  if (!('status' in answer)) return { failure: answer.failure };
  return { ...answer.headers, status: String(answer.status), body: canonical(answer.body) };
}

/** JSON with its keys in order, also line by line; any other text as it is. Go sorts the keys of maps. */
function canonical(body: string): string {
  const [whole] = reordered([body]);
  if (whole !== undefined) return whole + (body.endsWith('\n') ? '\n' : '');
  const lines = body.split('\n');
  const texts = reordered(lines.slice(0, -1));
  return texts.length > 0 ? `${texts.join('\n')}\n${lines.at(-1)}` : body;
}

/** All of the texts as JSON in order, or nothing if one of them is none. */
function reordered(texts: readonly string[]): string[] {
  try {
    return texts.map((text) => JSON.stringify(inOrder(JSON.parse(text))));
  } catch {
    return []; // No JSON: compared as text.
  }
}

const record = v.record(v.string(), v.unknown());

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!v.is(record, value)) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, inOrder(inner)]));
}

/** The stand-ins of test/recordings/normalise.ts, by kind. */
const standIns =
  /(?<uuid>00000000-0000-4000-8000-\d{12})|(?<time>2026-01-\d\dT\d\d:\d\d:\d\d(?:\.0+)?Z)|(?<pod>-0000000000-\d{5})|(?<uid>(?<="uid":")1\d{8}(?="))|(?<start>^\d+000000000$)/g;

/** A text with the kinds of its stand-ins instead of them. */
export function withoutStandIns(text: string): string {
  return text.replace(standIns, (found, ...rest: unknown[]) => {
    const groups = v.parse(record, rest.at(-1));
    const kind = Object.keys(groups).find((name) => groups[name] !== undefined) ?? found;
    return `<${kind}${kind === 'time' && found.includes('.') ? ' with fraction' : ''}>`;
  });
}

/** Which stand-in of ours goes with which recorded one, over the whole play. */
export class Pairs {
  readonly #ours = new Map<string, string>();
  readonly #recorded = new Map<string, string>();

  /** Whether the texts' stand-ins go together as those before did. Times of ours may fall together: this play is faster. */
  correspond(recorded: string, ours: string): boolean {
    const own = [...ours.matchAll(standIns)].map(([found]) => found);
    return [...recorded.matchAll(standIns)].every(([theirs, ...kinds], index) => {
      const mine = own[index] ?? '';
      const isTime = kinds[1] !== undefined;
      const [knownMine, knownTheirs] = [this.#ours.get(theirs), this.#recorded.get(mine)];
      this.#ours.set(theirs, knownMine ?? mine);
      this.#recorded.set(mine, knownTheirs ?? theirs);
      return (knownMine ?? mine) === mine && (isTime || (knownTheirs ?? theirs) === theirs);
    });
  }
}
