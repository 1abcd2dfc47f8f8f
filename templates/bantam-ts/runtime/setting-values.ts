/** What the environment says: names and texts. */
export type Environment = Readonly<Record<string, string | undefined>>;

const unitInMilliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** `1m30s` as Go writes times, or `90`: whole seconds. In milliseconds, at most what a timer can hold: 24 days. */
export function readDuration(environment: Environment, name: string, byDefault: string): number {
  const text = environment[name] || byDefault;
  if (/^\d+$/.test(text)) return inRange(Number(text) * 1000) ?? refuse(name, text, durationNeeded);
  if (!/^(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return refuse(name, text, durationNeeded);
  let sum = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(digits) * (unitInMilliseconds[unit ?? ''] ?? Number.NaN);
  }
  return inRange(sum) ?? refuse(name, text, durationNeeded);
}

const durationNeeded = 'a time such as 25s, 500ms or 1m30s is needed';

function inRange(milliseconds: number): number | undefined {
  return milliseconds <= 2 ** 31 - 1 ? milliseconds : undefined;
}

/** A number of bytes: `100mb`, `64kb`, `1024`; a kilobyte has 1024. */
export function readSize(environment: Environment, name: string, byDefault: string): number {
  const text = environment[name] || byDefault;
  const [, digits, unit] = /^(\d+)(b|kb|mb|gb)?$/i.exec(text) ?? [];
  const size = Number(digits) * 1024 ** ['b', 'kb', 'mb', 'gb'].indexOf((unit ?? 'b').toLowerCase());
  if (Number.isSafeInteger(size)) return size;
  return refuse(name, text, 'a size such as 100mb, 64kb or 0 is needed');
}

/** A whole number from 0 to `most`. */
export function readCount(environment: Environment, name: string, byDefault: number, most: number): number {
  const text = environment[name] || String(byDefault);
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return count <= most ? count : refuse(name, text, `a number from 0 to ${most} is needed`);
}

/** `true` or `false`; `1` and `0` as well, because Go reads them so. */
export function readSwitch(environment: Environment, name: string): boolean {
  const text = environment[name] || 'false';
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  return refuse(name, text, 'true or false is needed');
}

/** One of a few words; the first is the default. */
export function readChoice<Word extends string>(
  environment: Environment,
  name: string,
  words: readonly [Word, ...Word[]],
): Word {
  const text = environment[name] || words[0];
  return words.find((word) => word === text) ?? refuse(name, text, `one of ${words.join(', ')} is needed`);
}

/** The path of a URL, without its origin. */
export function readPath(environment: Environment, name: string): string | undefined {
  const text = environment[name] || undefined;
  if (text === undefined || /^\/[\x21-\x7e]*$/.test(text)) return text;
  return refuse(name, text, 'a path such as /ready is needed');
}

function refuse(name: string, text: string, needed: string): never {
  throw new Error(`the environment variable ${name} is ${JSON.stringify(text)}: ${needed}`);
}
