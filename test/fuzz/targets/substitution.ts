// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts hold ${NAME}.
import fc from 'fast-check';
import { substitute } from '../../../cli/stack/substitute.ts';
import { mutatedText, oddText } from '../mutate.ts';
import { defineTarget } from '../target.ts';

const words = ['A', 'B_1', 'x', '1', '_', '😀', '', 'UNSET', 'LONG'];
const operators = [
  ':-',
  '-',
  ':=',
  '=',
  ':+',
  '+',
  ':?',
  '?',
  '#',
  '##',
  '%',
  '%%',
  '/',
  '//',
  '/#',
  '/%',
  '^',
  '^^',
  ',',
  ',,',
  ':',
  '@',
  '!',
];

const expression = fc.letrec<{ one: string; part: string }>((tie) => ({
  one: fc
    .tuple(
      fc.constantFrom('${', '$${', '${#', '$', '\\${'),
      fc.constantFrom(...words),
      fc.constantFrom('', ...operators),
      tie('part'),
      fc.constantFrom('}', '}', '}', ''),
    )
    .map((parts) => parts.join('')),
  part: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('', 'a', '*', '?', '[a-z]', '1:2', '-1', '0:999999999999', '*/*', '\\', '/', '}', ' # ', '\n'),
    oddText.filter((text) => text.length < 400),
    tie('one'),
  ),
})).one;

const environment = { A: 'alpha', B_1: 'aaaaaaaaaaaaaaaaaaaaaaaa', x: '}{${A}', LONG: 'ab'.repeat(20_000) };

/** `${…}`: whatever is written, it ends, and its way back leads into the text. */
export const substitution = defineTarget<string>({
  name: 'substitution',
  inputs: fc.oneof(
    { weight: 3, arbitrary: fc.array(expression, { maxLength: 20 }).map((parts) => parts.join(' ')) },
    {
      weight: 1,
      arbitrary: mutatedText(['a: ${A:-${B_1##*a}}\nb: "${LONG//a/bb}" # ${x\n', '${A:0:2}${A/l/L}${#A}$$${A^^}']),
    },
  ),
  show: (text) => JSON.stringify(text),
  attempt(text) {
    const { text: replaced, problems, originalOffset } = substitute(text, environment);
    for (const offset of [0, 1, Math.floor(replaced.length / 2), replaced.length]) {
      const original = originalOffset(Math.min(offset, replaced.length));
      if (!(original >= 0 && original <= text.length))
        throw new Error(`offset ${offset} leads to ${original} of ${text.length}`);
    }
    for (const { offset } of problems)
      if (!(offset >= 0 && offset <= text.length)) throw new Error(`a problem at ${offset} of ${text.length}`);
    return problems.length > 0 ? 'problems' : 'accepted';
  },
});
