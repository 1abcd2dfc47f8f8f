// biome-ignore-all lint/suspicious/noTemplateCurlyInString: stack files write ${NAME}, and here they stand in strings.
import fc from 'fast-check';
import { decodeStack } from '../../../cli/stack/decode.ts';
import { addFunction } from '../../../cli/stack/edit.ts';
import { formatProblem } from '../../../cli/stack/problem.ts';
import { fateAtOnce } from '../fate.ts';
import { anyText, mutatedText } from '../mutate.ts';
import { defineTarget } from '../target.ts';

const samples = [
  `version: 1.0
provider:
  name: openfaas
  gateway: http://127.0.0.1:8080
functions:
  hello:
    lang: bantam-ts
    handler: ./hello
    image: \${REGISTRY:-registry.lan:5000}/hello:\${TAG:=1}
    environment:
      A: 1
      LEVEL: "high"
    environment_file: [env.yml]
    secrets: [api-token, other]
    labels: {com.openfaas.scale.min: "1"}
    annotations:
      topic: cron-function
      schedule: "*/5 * * * *"
    constraints: ["node.platform.os == linux"]
    limits: {memory: 64Mi, cpu: 100m}
    requests: {memory: 32Mi}
    readonly_root_filesystem: true
    build_args: {GO111MODULE: on}
    build_options: [dev]
    build_secrets: {token: ./token.txt}
    platforms: linux/amd64,linux/arm64,linux/arm/v7
    x-bantam: {probe: /healthz}
configuration:
  templates: [{name: node22, source: https://github.com/openfaas/templates#master}]
  copy: [./shared]
x-bantam:
  platforms: [linux/arm64]
  targets:
    pi: {gateway: http://pi-0:31112, registry: registry.lan:5000, namespace: dev, platforms: [linux/arm64]}
`,
  '# a comment\r\nversion: "1.0"\r\nprovider: {name: openfaas}\r\nfunctions:\r\n  a: &base\r\n    lang: go\r\n    handler: ./a\r\n    image: a\r\n  b:\r\n    <<: *base\r\n    image: b # ${NOT} this\r\n',
  'functions: {}\nprovider: {name: openfaas}\n',
  '{"provider":{"name":"openfaas"},"functions":{"x":{"lang":"dockerfile","handler":"./x","image":"x:1"}}}',
  'a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d]\n',
  'functions:\n  x:\n    image: |\n      text\n    lang: >-\n      folded\n',
];

/** stack.yml: read, described and edited. */
export const stack = defineTarget<string>({
  name: 'stack',
  inputs: fc.oneof(
    { weight: 6, arbitrary: mutatedText(samples, 2) },
    { weight: 2, arbitrary: mutatedText(samples, 10) },
    { weight: 1, arbitrary: anyText(200) },
  ),
  show: (text) => JSON.stringify(text),
  attempt(text) {
    const environment = { REGISTRY: 'r.lan', TAG: 'v1', NASTY: '"\n  - {', EMPTY: '' };
    const { stack: read, problems, warnings } = decodeStack(text, '/project/stack.yml', environment);
    if (read === undefined && problems.length === 0) throw new Error('neither a stack nor a problem');
    const lines = text.split('\n').length;
    for (const problem of [...problems, ...warnings]) {
      if (problem.line !== undefined && (problem.line < 1 || problem.line > lines))
        throw new Error(`a problem in line ${problem.line} of ${lines}: ${problem.message}`);
      if (formatProblem(problem, '/project').length > 100_000) throw new Error('a problem without an end');
    }
    for (const declared of read?.functions ?? [])
      if (declared.handler !== undefined && !declared.handler.startsWith('/'))
        throw new Error(`a relative handler: ${declared.handler}`);
    const added = { name: 'added-by-fuzz', language: 'go', handler: './added-by-fuzz', image: 'r.lan/added' };
    const fate = fateAtOnce(() => {
      const edited = addFunction(text, added);
      const again = decodeStack(edited, '/project/stack.yml', environment);
      if (problems.length === 0 && again.stack?.functions.every(({ name }) => name !== added.name) === true)
        throw new Error('what was added is not there');
    });
    return problems.length > 0 ? 'problems' : fate;
  },
});
