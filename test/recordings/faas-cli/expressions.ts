import fc from 'fast-check';
import { expressionsSource } from './expression-source.ts';
import type { RecordingGateway } from './recording-gateway.ts';
import { runFaasCli } from './run-faas-cli.ts';

/** What the variables are when expressions are recorded. NONE, UNSET are not set. */
export const variables: Readonly<Record<string, string>> = {
  A: 'one',
  TAG: 'v1.2.3-rc1',
  REPO: 'registry.lan:5000/team/hello',
  MIXED: 'heLLo World',
  EMPTY: '',
  ÉTÉ: 'Größe été ÉTÉ',
  SIGNS: 'a*b?c[d]e-f/g:h#i%j',
  N: '2',
};

/** Asks the real faas-cli about many expressions, each in a stack of its own: the text of expressions.json. */
export async function recordExpressions(program: string, gateway: RecordingGateway): Promise<string> {
  const generated = fc.sample(expressionsSource.generated, { numRuns: 500, seed: 5 });
  const lines: string[] = [];
  for (const expression of new Set([...expressionsSource.written, ...generated])) {
    const { deploy } = await runFaasCli(program, caseOf(expression), gateway);
    const sent = deploy?.requests[0]?.body['envVars'] as Record<string, string> | undefined;
    const value = /^\[(.*)\]$/s.exec(sent?.['V'] ?? '')?.[1];
    lines.push(JSON.stringify({ expression, exit: deploy?.exit, ...(value === undefined ? {} : { value }) }));
  }
  return `{"environment": ${JSON.stringify(variables)},\n"answers": [\n${lines.join(',\n')}\n]}\n`;
}

/** A stack whose only value is the expression, in a block where YAML changes nothing. */
export function stackWith(expression: string): string {
  return `provider:\n  name: openfaas\n  gateway: http://gateway.test\nfunctions:\n  f:\n    image: f\n    skip_build: true\n    environment:\n      V: |-\n        [${expression}]\n`;
}

function caseOf(expression: string) {
  return {
    name: 'expression',
    folder: '.',
    environment: variables,
    deploy: [],
    build: undefined,
    bantam: [],
    files: { 'stack.yml': stackWith(expression) },
  };
}
