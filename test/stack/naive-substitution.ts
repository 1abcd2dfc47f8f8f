import fc from 'fast-check';

/** A substitution as a tree, which {@link write} writes down and {@link evaluate} evaluates in the plainest way. */
export type Tree =
  | string
  | { readonly of: string; readonly kind: 'value' | 'length' | '^' | '^^' | ',' | ',,' }
  | { readonly of: string; readonly kind: ':-' | ':=' | '='; readonly parts: readonly Tree[] }
  | { readonly of: string; readonly kind: 'slice'; readonly from: number; readonly length: number | undefined }
  | { readonly of: string; readonly kind: '#' | '##' | '%' | '%%'; readonly pattern: string }
  | { readonly of: string; readonly kind: '/' | '//' | '/#' | '/%'; readonly old: string; readonly by: Tree };

const name = fc.constantFrom('A', 'B_2', 'EMPTY', 'NONE', 'ÄÖ');
const word = fc.stringMatching(/^[a-cé .:"'|&*?\-[\]~]{1,4}$/);
const pattern = fc.stringMatching(/^[a-cé*?.:-]{1,5}$/);

/** Trees of all kinds. */
export const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree; part: Tree }>((tie) => ({
  part: fc.oneof({ maxDepth: 3, withCrossShrink: true }, word, tie('tree')),
  tree: fc.oneof(
    fc.record({ of: name, kind: fc.constantFrom('value', 'length', '^', '^^', ',', ',,') }),
    fc.record({ of: name, kind: fc.constantFrom(':-', ':=', '='), parts: fc.array(tie('part'), { maxLength: 3 }) }),
    fc.record({
      of: name,
      kind: fc.constant('slice'),
      from: fc.nat(9),
      length: fc.option(fc.nat(9), { nil: undefined }),
    }),
    fc.record({ of: name, kind: fc.constantFrom('#', '##', '%', '%%'), pattern }),
    fc.record({ of: name, kind: fc.constantFrom('/', '//', '/#', '/%'), old: word, by: tie('part') }),
  ),
})).part as fc.Arbitrary<Tree>;

/** The text of a tree. */
export function write(tree: Tree): string {
  if (typeof tree === 'string') return tree;
  switch (tree.kind) {
    case 'value':
      return `\${${tree.of}}`;
    case 'length':
      return `\${#${tree.of}}`;
    case 'slice':
      return `\${${tree.of}:${tree.from}${tree.length === undefined ? '' : `:${tree.length}`}}`;
    case ':-':
    case ':=':
    case '=':
      return `\${${tree.of}${tree.kind}${tree.parts.map(write).join('')}}`;
    case '#':
    case '##':
    case '%':
    case '%%':
      return `\${${tree.of}${tree.kind}${tree.pattern}}`;
    case '/':
    case '//':
    case '/#':
    case '/%':
      return `\${${tree.of}${tree.kind}${tree.old}/${write(tree.by)}}`;
    default:
      return `\${${tree.of}${tree.kind}}`;
  }
}

/** What a tree stands for; undefined where a variable without default is not set. Values must be letters of one byte, or slices mean something else. */
export function evaluate(tree: Tree, variables: Readonly<Record<string, string>>): string | undefined {
  if (typeof tree === 'string') return tree;
  const value = variables[tree.of];
  if ('parts' in tree) {
    if (value) return value;
    const parts = tree.parts.map((part) => evaluate(part, variables));
    return parts.includes(undefined) ? undefined : parts.join('');
  }
  if (value === undefined) return undefined;
  switch (tree.kind) {
    case 'value':
      return value;
    case 'length':
      return String(new TextEncoder().encode(value).length);
    case '^':
      return value.replace(/^./su, (letter) => letter.toUpperCase());
    case '^^':
      return value.toUpperCase();
    case ',':
      return value.replace(/^./su, (letter) => letter.toLowerCase());
    case ',,':
      return value.toLowerCase();
    case 'slice':
      return value.substring(tree.from, tree.length === undefined ? value.length : tree.from + tree.length);
    case '#':
    case '##':
    case '%':
    case '%%':
      return trim(value, tree.kind, tree.pattern);
    default: {
      const by = evaluate(tree.by, variables);
      if (by === undefined) return undefined;
      const at = { '/': value.indexOf(tree.old), '//': -1, '/#': 0, '/%': value.length - tree.old.length }[tree.kind];
      if (tree.kind === '//') return value.split(tree.old).join(by);
      return at >= 0 && value.startsWith(tree.old, at)
        ? value.slice(0, at) + by + value.slice(at + tree.old.length)
        : value;
    }
  }
}

/** Tries every beginning (end) of at least one letter, the shortest or the longest first. */
function trim(value: string, kind: '#' | '##' | '%' | '%%', glob: string): string {
  const letters = [...value];
  const expression = new RegExp(
    `^${glob.replace(/[*?.]/g, (sign) => ({ '*': '.*', '?': '.', '.': '\\.' })[sign] ?? sign)}$`,
    'su',
  );
  const lengths = letters.map((_letter, index) => index + 1);
  for (const length of kind.length === 2 ? lengths.reverse() : lengths) {
    const fromStart = kind.startsWith('#');
    const tried = fromStart ? letters.slice(0, length) : letters.slice(letters.length - length);
    if (expression.test(tried.join('')))
      return (fromStart ? letters.slice(length) : letters.slice(0, letters.length - length)).join('');
  }
  return value;
}
