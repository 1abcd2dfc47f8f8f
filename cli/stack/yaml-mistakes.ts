/** What is wrong with a text's form, in words for people who do not know YAML's grammar: a sentence and, where there is one, a way out. */
export interface Mistake {
  readonly message: string;
  readonly hint?: string;
}

export const quotes = 'put the value in quotes if it is text';

/** Our words for the mistakes that people make, by the library's (package yaml); the library's for the others. */
export function explainMistake(code: string, message: string): Mistake {
  const line = message.split('\n')[0] ?? message;
  const known = mistakes.find(({ code: wanted, says }) => wanted === code || says?.test(line) === true);
  if (known === undefined) return { message: line };
  const { say, hint } = known;
  const found = typeof say === 'string' ? say : line.replace(known.says ?? line, say);
  return { message: found, ...(hint === undefined ? {} : { hint }) };
}

const mistakes: readonly {
  readonly code?: string;
  readonly says?: RegExp;
  readonly say: string | ((...found: string[]) => string);
  readonly hint?: string;
}[] = [
  { code: 'TAB_AS_INDENT', say: 'a tab is not allowed as indentation', hint: 'indent with spaces' },
  {
    code: 'MULTIPLE_DOCS',
    say: 'a second document begins here, and only one is allowed',
    hint: 'remove the line ---',
  },
  { says: /^Maximum call stack.*/, say: 'nested too deeply' },
  {
    says: /^Nested mappings are not allowed in compact.*/,
    say: 'a second key in the same line: text that holds ": " has to be quoted',
    hint: `${quotes}, or indent the next line like this one`,
  },
  {
    says: /^Implicit (?:map )?keys need to be .*/,
    say: 'this is no KEY: value',
    hint: 'a colon and a blank stand behind a key; look at the indentation, too',
  },
  {
    says: /^(?:All (?:mapping|sequence) items must start at the same column|Sequence item without - indicator|A block sequence may not be used).*/,
    say: 'this line is indented otherwise than those above that it belongs to',
    hint: 'indent what belongs together alike',
  },
  {
    says: /^Missing closing (["'])quote$/,
    say: (_, quote = '') => `the closing ${quote} is missing, or a line of this text is not indented`,
  },
  {
    says: /^Flow (?:map|sequence) in block collection must be .* end with a (\S)$/,
    say: (_, bracket = '') => `the closing ${bracket} is missing, or not indented`,
  },
  {
    says: /^Flow (?:map|sequence) must end with a (\S)$/,
    say: (_, bracket = '') => `the closing ${bracket} is missing`,
  },
  {
    says: /^Unexpected , in .*/,
    say: 'a value is missing in front of this comma',
  },
  {
    says: /^Unexpected flow-(?:seq|map)-end token .*"(\S)"$/,
    say: (_, bracket = '') => `nothing is open that this ${bracket} could close`,
    hint: quotes,
  },
  {
    says: /^Block scalar header includes extra characters: (.*)$/,
    say: (_, found = '') => `${found} begins no text of several lines`,
    hint: quotes,
  },
  {
    says: /^Unexpected .* at node end$/,
    say: 'nothing may follow the value that ends here',
    hint: 'put the whole value in quotes if it is text; look at the indentation, too',
  },
  {
    says: /^Unresolved tag: tag:yaml\.org,2002:(.*)$/,
    say: (_, tag = '') => `the tag !!${tag} is not used: the value counts as it is written`,
    hint: quotes,
  },
  { says: /^Unresolved tag: (.*)$/, say: (_, tag = '') => `the tag ${tag} means nothing here`, hint: quotes },
  {
    says: /^Plain value cannot start with (?:(?:reserved|directive indicator) character )?(.*)$/,
    say: (_, sign = '') => `a value cannot begin with ${sign}`,
    hint: quotes,
  },
  {
    says: /^Invalid escape sequence (.*)$/,
    say: (_, found = '') => `${found} means nothing in double quotes`,
    hint: 'write \\\\ for a backslash, or put the text in single quotes',
  },
];
