// biome-ignore-all lint/suspicious/noTemplateCurlyInString: substitutions, in the strings where they stand.
import fc from 'fast-check';

const name = fc.constantFrom('A', 'TAG', 'REPO', 'MIXED', 'EMPTY', 'ÉTÉ', 'SIGNS', 'N', 'NONE', 'UNSET');
const word = fc.constantFrom(
  ...['x', 'one', 'v', 'l', '-', '.', ':', 'a b', 'é', '$', '$$', '\\', '"', "'", '{', '(', '&', '~', 'team', '0', '#'],
);
const number = fc.constantFrom('0', '1', '2', '5', '99', '-1', '-3', '-99', '+1', ' 1', 'x', '1x');
const pattern = fc
  .array(
    fc.constantFrom('*', '?', 'v', '/', ':', '.', '-', 'l', 'o', 'é', '[a-z]', '[^a-z]', '[', '\\*', '1', 'team'),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((parts) => parts.join(''));

const { expression } = fc.letrec<{ expression: string; part: string }>((tie) => ({
  part: fc.oneof({ weight: 4, arbitrary: word }, { weight: 1, arbitrary: tie('expression') }),
  expression: fc.oneof(
    { depthSize: 'small' },
    name.map((variable) => `\${${variable}}`),
    name.map((variable) => `\${#${variable}}`),
    fc
      .tuple(name, fc.constantFrom(':-', ':=', '='), fc.array(tie('part'), { maxLength: 3 }))
      .map(([variable, operator, parts]) => `\${${variable}${operator}${parts.join('')}}`),
    fc.tuple(name, fc.constantFrom('^', '^^', ',', ',,')).map(([variable, operator]) => `\${${variable}${operator}}`),
    fc
      .tuple(name, number, fc.option(number, { nil: undefined }))
      .map(([variable, from, length]) => `\${${variable}:${from}${length === undefined ? '' : `:${length}`}}`),
    fc
      .tuple(name, fc.constantFrom('#', '##', '%', '%%'), fc.oneof(pattern, tie('part')))
      .map(([variable, operator, text]) => `\${${variable}${operator}${text}}`),
    fc
      .tuple(name, fc.constantFrom('/', '//', '/#', '/%'), tie('part'), fc.option(tie('part'), { nil: '' }))
      .map(([variable, operator, old, by]) => `\${${variable}${operator}${old}/${by}}`),
  ),
}));

/** Substitutions as people write them, as they might, and as nobody should. */
export const expressionsSource = {
  written: [
    ...[
      '$',
      '$$',
      '$$$',
      '$$$$',
      '$A',
      '$${A}',
      '$$${A}',
      '$$$${A}',
      'a$$b',
      '\\',
      '\\\\',
      '\\/',
      '\\${A}',
      '\\\\${A}',
    ],
    ...['${TAG:-latest}', '${NONE:-latest}', '${NONE:-${TAG}}', '${NONE:-a${A}b${NONE:-c}}', '${EMPTY:-d}', '${EMPTY}'],
    ...['${TAG:0:7}', '${TAG:1}', '${TAG:0:0}', '${TAG:99}', '${TAG:0:99}', '${TAG:0:-1}', '${TAG: -3}', '${TAG:1::1}'],
    ...['${TAG#v}', '${TAG##*-}', '${TAG%-*}', '${TAG%%.*}', '${REPO##*/}', '${REPO%%/*}', '${REPO#*/}', '${A#*}'],
    ...[
      '${TAG//./-}',
      '${TAG/./-}',
      '${TAG/#v/}',
      '${TAG/%1/x}',
      '${REPO//\\//-}',
      '${TAG/./}',
      '${TAG/.}',
      '${A/n//x}',
    ],
    ...['${MIXED^}', '${MIXED^^}', '${MIXED,}', '${MIXED,,}', '${MIXED^,}', '${MIXED^^[a-z]}', '${#TAG}', '${#ÉTÉ}'],
    ...[
      '${NONE:?must}',
      '${NONE:+x}',
      '${A:+x}',
      '${A-d}',
      '${NONE-d}',
      '${NONE?d}',
      '${NONE+d}',
      '${A:?m}',
      '${NONE}',
    ],
    ...[
      '${}',
      '${ A}',
      '${A }',
      '${A',
      '${A:',
      '${A:-',
      '${A.b}',
      '${A:-{"a":1}}',
      '${NONE:-{"a":1}}',
      '${!A}',
      '${A@Q}',
    ],
    ...[
      '${A%[a-z]}',
      '${A#[a-z]}',
      '${A##[!a]}',
      '${TAG%?}',
      '${TAG#?}',
      '${ÉTÉ#?}',
      '${ÉTÉ:0:3}',
      '${ÉTÉ^^}',
      '${A//o/$$}',
    ],
    ...[
      '${A:${N}}',
      '${TAG:${N}:${N}}',
      '${A/${A}/two}',
      '${NONE/a/b}',
      '${NONE^^}',
      '${#NONE}',
      '${NONE:0:1}',
      '${A:1:}',
    ],
  ],
  generated: fc
    .tuple(fc.constantFrom('', 'p', '$', '\\', 'a/'), expression, fc.constantFrom('', '', 's', '}', '$$'))
    .map((parts) => parts.join('')),
};
