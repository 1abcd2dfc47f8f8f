import * as v from 'valibot';

/** The methods that a request may have. */
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const text = v.string(({ received }) => `must be text, is ${received}`);
const header = v.union(
  [v.string(), v.number(), v.boolean()],
  ({ received }) => `must be text, or a regular expression between slashes, is ${received}`,
);
const textMap = v.record(v.string(), header, 'must be a map of texts');
const duration = v.pipe(
  v.union([v.string(), v.number()], 'must be a time: 500ms, 2s'),
  v.transform(readDuration),
  v.number('must be a time: 500ms, 2s, 1m'),
  v.minValue(1, 'must be longer than nothing'),
  v.maxValue(600_000, 'must be at most 10m'),
);

/** What is sent. */
export const requestSchema = v.object(
  {
    method: v.optional(
      v.pipe(
        text,
        v.toUpperCase(),
        v.picklist(methods, ({ received }) => `must be one of ${methods.join(', ')}, is ${received}`),
      ),
    ),
    path: v.optional(v.pipe(text, v.startsWith('/', 'must begin with /')), '/'),
    headers: v.optional(textMap, {}),
    body: v.optional(text),
    json: v.optional(v.unknown()),
    file: v.optional(text),
  },
  'must be a map',
);

/** What has to come. */
export const expectSchema = v.object(
  {
    status: v.optional(
      v.pipe(
        v.number('must be a number: 200'),
        v.integer('must be a whole number'),
        v.minValue(100, 'must be 100 to 599'),
        v.maxValue(599, 'must be 100 to 599'),
      ),
    ),
    headers: v.optional(textMap, {}),
    body: v.optional(text),
    json: v.optional(v.unknown()),
    matches: v.optional(
      v.union(
        [
          v.pipe(v.string(), v.check(isPattern, 'must be a regular expression')),
          v.array(v.pipe(v.string(), v.check(isPattern, 'must be a regular expression'))),
        ],
        'must be a regular expression, or a list of them',
      ),
    ),
    within: v.optional(duration),
  },
  'must be a map',
);

/** One example: a request and what has to come back. */
export const exampleSchema = v.object(
  {
    name: v.pipe(text, v.nonEmpty('must not be empty')),
    request: v.optional(requestSchema, {}),
    expect: expectSchema,
    environment: v.optional(textMap),
    secrets: v.optional(v.record(v.string(), text, 'must be a map: name of the secret → file beside this one')),
  },
  'must be a map with name, request and expect',
);

/** A file `tests/NAME.http.yml`. */
export const examplesSchema = v.array(exampleSchema, 'must be a list of examples: - name: …');

/** One example as it is decoded. */
export type DecodedExample = v.InferOutput<typeof exampleSchema>;

/** The fields that exclude each other, with their map. */
export const alternatives = [
  { of: 'request', fields: ['body', 'json', 'file'] },
  { of: 'expect', fields: ['body', 'json', 'matches'] },
] as const;

/** Milliseconds of `500ms`, `2s`, `1m` or a number of seconds; undefined for anything else. */
export function readDuration(written: string | number): number | undefined {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(String(written).trim()) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000 }[unit];
  return amount === undefined || factor === undefined ? undefined : Math.round(Number(amount) * factor);
}

/** The regular expression of a text between slashes, as in `/^text\//i`; undefined if it is none. */
export function patternOf(written: string): RegExp | undefined {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(written) ?? [];
  if (source === undefined || !isPattern(source, flags)) return undefined;
  return new RegExp(source, flags);
}

function isPattern(source: string, flags = ''): boolean {
  try {
    new RegExp(source, flags);
    return true;
  } catch {
    return false;
  }
}
