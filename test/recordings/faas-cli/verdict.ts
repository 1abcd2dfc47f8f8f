/**
 * The kinds of error that faas-cli ends with, told apart by a word or two of what it says. Its sentences are not kept: they
 * are other people's, and may change.
 */
const kinds: readonly (readonly [kind: string, words: RegExp])[] = [
  ['crash', /goroutine \d+ \[/],
  ['substitution', /brace|bad substitution|parse substitution|variable name|default function/i],
  ['version', /valid versions/i],
  ['provider', /provider\.name/i],
  ['yaml', /^yaml: |\nyaml: /im],
  ['build option', /build option/i],
  ['copy', /forbidden path/i],
  ['template', /template/i],
  ['handler', /invalid path|function handler/i],
  ['nothing to do', /--image and --name|--image name/i],
  ['gateway address', /invalid URL|parse "|unsupported protocol|no such host/i],
  ['gateway', /failed to deploy/i],
  ['file', /no such file/i],
];

/** The kind of error in what faas-cli wrote. */
export function verdictOf(output: string): string {
  return kinds.find(([, words]) => words.test(output))?.[0] ?? 'other';
}
