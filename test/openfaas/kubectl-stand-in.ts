import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One question that the stand-in expects, once, and what it answers. */
export interface KubectlCall {
  readonly arguments: readonly string[];
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exit?: number;
}

/** A program called kubectl in a folder of its own, to be put on the PATH. */
export interface KubectlStandIn {
  readonly folder: string;
  /** Throws unless every expected question was asked, and no other. Returns the environment variable KUBECONFIG of each. */
  verify(): Promise<readonly string[]>;
}

/** Each expected question is a file that the first asker takes away; what is not expected is written down and fails. */
const program = (node: string, state: string): string => `#!${node}
const { appendFileSync, readdirSync, readFileSync, renameSync } = require('node:fs');
const state = ${JSON.stringify(state)};
const asked = JSON.stringify(process.argv.slice(2));
for (const name of readdirSync(state).filter((each) => each.endsWith('.call'))) {
  const call = JSON.parse(readFileSync(state + '/' + name, 'utf8'));
  if (JSON.stringify(call.arguments) !== asked) continue;
  renameSync(state + '/' + name, state + '/' + name + '.asked');
  appendFileSync(state + '/log', (process.env.KUBECONFIG ?? '') + '\\n');
  process.stdout.write(call.stdout ?? '');
  process.stderr.write(call.stderr ?? '');
  process.exitCode = call.exit ?? 0;
  return;
}
appendFileSync(state + '/unexpected', asked + '\\n');
process.exitCode = 99;
`;

/** Makes one in `folder`. It answers with what was recorded of a real cluster, and fails on any other question. */
export async function standInForKubectl(folder: string, calls: readonly KubectlCall[]): Promise<KubectlStandIn> {
  const [state, bin] = [join(folder, 'kubectl-state'), join(folder, 'kubectl-bin')];
  await mkdir(state, { recursive: true });
  await mkdir(bin, { recursive: true });
  for (const [index, call] of calls.entries()) await writeFile(join(state, `${index}.call`), JSON.stringify(call));
  await writeFile(join(bin, 'kubectl'), program(process.execPath, state));
  await chmod(join(bin, 'kubectl'), 0o755);
  const lines = async (name: string): Promise<string[]> =>
    (await readFile(join(state, name), 'utf8').catch(() => '')).split('\n').slice(0, -1);
  return {
    folder: bin,
    async verify() {
      const unexpected = await lines('unexpected');
      if (unexpected.length > 0) throw new Error(`kubectl was asked something else: ${unexpected.join(' ')}`);
      const asked = await lines('log');
      if (asked.length !== calls.length)
        throw new Error(`kubectl was asked ${asked.length} of ${calls.length} questions`);
      return asked;
    },
  };
}

/** A document as `kubectl get … -o json` printed it: kube-apiserver 1.33 with the objects of OpenFaaS’ chart. */
export async function recorded(name: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(`cluster/${name}.json`, import.meta.url), 'utf8'));
}
