// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import fc from 'fast-check';

/** Texts that break readers: quotes, controls, numbers at borders, names of prototypes, paths out, very long words. */
export const oddTexts: readonly string[] = [
  '',
  ' ',
  '.',
  '..',
  '../../../../etc/passwd',
  '/',
  '//',
  '/etc/passwd',
  'C:\\x',
  '\\',
  '\u0000',
  'a\u0000b',
  '\n',
  '\r\n',
  '\t',
  '"',
  "'",
  '`',
  '$',
  '${',
  '${A}',
  '$(id)',
  '%00',
  '%',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'true',
  'null',
  '~',
  '0',
  '-1',
  '1e309',
  '9007199254740993',
  '0x10',
  '*',
  '&a',
  '!!js/function',
  '<<',
  '\ufeff',
  '\u2028',
  '\ud800',
  '\udc00',
  'İ',
  'ß',
  'é',
  'e\u0301',
  '😀',
  'README',
  'readme',
  '.git',
  '.GIT',
  'git~1',
  'CON',
  '.wh.x',
  '.wh..wh..opq',
  'linux/arm/v7',
  'sha256:',
  `sha256:${'a'.repeat(64)}`,
  `sha256:${'A'.repeat(64)}`,
  'a'.repeat(300),
  'x'.repeat(70_000),
  '('.repeat(5000),
  '['.repeat(5000),
  '{"a":'.repeat(2000),
  '- '.repeat(2000),
];

/** Numbers at borders. */
export const oddNumbers: readonly number[] = [
  0,
  -0,
  1,
  -1,
  0.5,
  255,
  256,
  65_535,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  1e21,
  1e308,
];

/** Any code units, lone surrogates too. (fast-check's own unit "binary" keeps 86 MB of tables, which would be measured.) */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  return fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength }).map((units) => String.fromCharCode(...units));
}

/** An odd text, or any text at all. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...oddTexts) },
  { weight: 1, arbitrary: anyText(40) },
  { weight: 1, arbitrary: fc.string({ maxLength: 40 }) },
);

/** Any JSON value, odd ones first. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  fc.constantFrom(...oddNumbers),
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { '': null }),
  fc.jsonValue({ maxDepth: 4 }),
);

/** Changes bytes of a sample: bits, runs, borders in all widths, cuts, repetitions, pieces of another sample. `at` beyond the end counts around. */
export function mutatedBytes(samples: readonly Uint8Array[], most = 12): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: 1 << 20 });
  const change = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat({ max: 7 }) }),
    fc.record({
      kind: fc.constant('set' as const),
      at,
      value: fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x20, 0x2f, 0x2e),
    }),
    fc.record({
      kind: fc.constant('number' as const),
      at,
      width: fc.constantFrom(2, 4, 8),
      value: fc.constantFrom(
        0n,
        1n,
        0x7fn,
        0xffn,
        0x7fffn,
        0xffffn,
        0x7fffffffn,
        0xffffffffn,
        0x7fffffffffffffffn,
        0xffffffffffffffffn,
      ),
      little: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('cut' as const), at }),
    fc.record({ kind: fc.constant('drop' as const), at, length: fc.integer({ min: 1, max: 600 }) }),
    fc.record({
      kind: fc.constant('repeat' as const),
      at,
      length: fc.integer({ min: 1, max: 600 }),
      times: fc.integer({ min: 1, max: 30 }),
    }),
    fc.record({ kind: fc.constant('insert' as const), at, bytes: fc.uint8Array({ minLength: 1, maxLength: 32 }) }),
    fc.record({
      kind: fc.constant('text' as const),
      at,
      text: fc.constantFrom(...oddTexts.filter(({ length }) => length < 400)),
    }),
    fc.record({
      kind: fc.constant('graft' as const),
      at,
      other: fc.nat({ max: 1000 }),
      from: at,
      length: fc.integer({ min: 1, max: 4096 }),
    }),
  );
  type Change = typeof change extends fc.Arbitrary<infer Each> ? Each : never;

  const apply = (bytes: Buffer, made: Change): Buffer => {
    const place = bytes.length === 0 ? 0 : made.at % bytes.length;
    const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
    switch (made.kind) {
      case 'flip':
      case 'set': {
        const copy = Buffer.from(bytes);
        if (copy.length > 0) copy[place] = made.kind === 'set' ? made.value : (copy[place] ?? 0) ^ (1 << made.bit);
        return copy;
      }
      case 'number': {
        const number = Buffer.alloc(8);
        if (made.little) number.writeBigUInt64LE(made.value);
        else number.writeBigUInt64BE(made.value);
        const part = made.little ? number.subarray(0, made.width) : number.subarray(8 - made.width);
        return Buffer.concat([before, part, after.subarray(made.width)]);
      }
      case 'cut':
        return before;
      case 'drop':
        return Buffer.concat([before, after.subarray(made.length)]);
      case 'repeat':
        return Buffer.concat([
          before,
          ...Array.from({ length: made.times }, () => after.subarray(0, made.length)),
          after,
        ]);
      case 'insert':
        return Buffer.concat([before, made.bytes, after]);
      case 'text':
        return Buffer.concat([before, Buffer.from(made.text, 'utf8'), after]);
      case 'graft': {
        const other = samples[made.other % samples.length] ?? new Uint8Array();
        const start = other.length === 0 ? 0 : made.from % other.length;
        return Buffer.concat([before, other.subarray(start, start + made.length), after.subarray(made.length)]);
      }
    }
  };
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { maxLength: most }))
    .map(([sample, changes]) => changes.reduce<Buffer>(apply, Buffer.from(sample)));
}

/** The same for text: its bytes are changed and decoded again; lines are doubled, dropped and swapped too. */
export function mutatedText(samples: readonly string[], most = 8): fc.Arbitrary<string> {
  const line = fc.nat({ max: 200 });
  const lines = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('drop' as const), line, other: line, text: fc.constant('') }),
      fc.record({ kind: fc.constant('double' as const), line, other: line, text: fc.constant('') }),
      fc.record({ kind: fc.constant('swap' as const), line, other: line, text: fc.constant('') }),
      fc.record({ kind: fc.constant('indent' as const), line, other: fc.nat({ max: 6 }), text: fc.constant('') }),
      fc.record({ kind: fc.constant('value' as const), line, other: line, text: oddText }),
    ),
    { maxLength: 4 },
  );
  return fc
    .tuple(
      mutatedBytes(
        samples.map((sample) => Buffer.from(sample)),
        most,
      ),
      lines,
    )
    .map(([bytes, changes]) => {
      let all = Buffer.from(bytes).toString('utf8').split('\n');
      for (const { kind, line: index, other, text } of changes) {
        const at = index % all.length;
        const here = all[at] ?? '';
        if (kind === 'drop') all = all.filter((_line, number) => number !== at);
        else if (kind === 'double') all.splice(at, 0, here);
        else if (kind === 'indent') all[at] = ' '.repeat(other) + here.trimStart();
        else if (kind === 'value') all[at] = `${here.replace(/:.*/, '')}: ${text}`;
        else {
          const with_ = other % all.length;
          all[at] = all[with_] ?? '';
          all[with_] = here;
        }
        if (all.length === 0) all = [''];
      }
      return all.join('\n');
    });
}

/** Changes parts of a JSON value: other values, keys taken away, doubled, renamed, nested deep. The shape mostly stays, so that readers get far. */
export function mutatedJson(samples: readonly unknown[], most = 4): fc.Arbitrary<unknown> {
  const change = fc.record({
    at: fc.nat({ max: 10_000 }),
    kind: fc.constantFrom('replace', 'replace', 'replace', 'delete', 'wrap', 'rename', 'repeat', 'graft', 'deep'),
    value: oddValue,
    key: oddText,
    from: fc.nat({ max: 10_000 }),
    times: fc.integer({ min: 2, max: 300 }),
  });
  return fc.tuple(fc.constantFrom(...samples), fc.array(change, { maxLength: most })).map(([sample, changes]) => {
    // The holder gives the top a place of its own.
    const holder: { top: unknown } = { top: structuredClone(sample) };
    for (const { at, kind, value, key, from, times } of changes) {
      const places = placesOf(holder);
      const place = places[at % places.length];
      if (place === undefined) break;
      const [parent, name] = place;
      const here = parent[name];
      if (kind === 'replace') set(parent, name, structuredClone(value));
      else if (kind === 'delete' && parent !== holder) delete parent[name];
      else if (kind === 'wrap') set(parent, name, at % 2 === 0 ? [here] : { [key]: here });
      else if (kind === 'rename' && parent !== holder && !Array.isArray(parent)) {
        delete parent[name];
        set(parent, key, here);
      } else if (kind === 'repeat' && Array.isArray(here) && here.length > 0) {
        const most = Math.ceil(largestJson / (JSON.stringify(here).length / here.length));
        const length = Math.min(times, most);
        const repeated = Array.from({ length }, (_each, index) => structuredClone(here[index % here.length]));
        set(parent, name, repeated);
      } else if (kind === 'graft') {
        const other = places[from % places.length];
        if (other !== undefined) set(parent, name, structuredClone(other[0][other[1]]));
      } else if (kind === 'deep') {
        let nested = here;
        for (let level = 0; level < times; level += 1) nested = [nested];
        set(parent, name, nested);
      }
    }
    return holder.top;
  });
}

/** Characters: what a registry or a gateway sends is bounded by the client that reads it, and an input that grows without end says nothing of the reader. */
const largestJson = 300_000;

type Holder = Record<string, unknown>;

/** `__proto__` as a key of its own, as JSON.parse makes it. */
function set(parent: Holder, name: string, value: unknown): void {
  Object.defineProperty(parent, name, { value, writable: true, enumerable: true, configurable: true });
}

function placesOf(value: unknown, found: [Holder, string][] = []): [Holder, string][] {
  const open: unknown[] = [value];
  while (open.length > 0 && found.length < 2000) {
    const each = open.pop();
    if (typeof each !== 'object' || each === null) continue;
    const holder = each as Holder;
    for (const key of Object.keys(holder)) {
      found.push([holder, key]);
      open.push(holder[key]);
    }
  }
  return found;
}

/** JSON text of a value, with ways to write it that parsers meet: spaces, doubled keys, text after the end, cut. */
export function writtenJson(value: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  return fc
    .tuple(
      value,
      fc.constantFrom('plain', 'plain', 'plain', 'plain', 'indented', 'cut', 'more', 'marked', 'doubled', 'abyss'),
      fc.nat({ max: 10_000 }),
    )
    .map(([given, way, at]) => {
      const text = JSON.stringify(given) ?? 'null';
      switch (way) {
        case 'indented':
          // A thousand levels are a thousand times as long when they are indented.
          return text.length > 5000 ? text : (JSON.stringify(given, null, 2) ?? 'null');
        case 'cut':
          return text.slice(0, at % (text.length + 1));
        case 'more':
          return `${text}${text}`;
        case 'marked':
          return `\ufeff${text}`;
        case 'abyss':
          // Deeper than JSON.stringify can write.
          return text.replace(/:"[^"]*"|:\d+/, `:${'['.repeat(at * 5)}${']'.repeat(at * 5)}`);
        case 'doubled':
          return text.replace(/\{("[^"]*"):/, '{$1:null,$1:');
        default:
          return text;
      }
    });
}
