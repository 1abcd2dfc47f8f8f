import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withTemplateProcess } from '../../../cli/commands/template-process.ts';
import { UserError } from '../../../cli/errors.ts';
import { chooseGateway } from '../../../cli/openfaas/address.ts';
import { describeSettings } from '../../../cli/rollout/deployment.ts';
import { findStack } from '../../../cli/stack/find.ts';
import { formatProblem } from '../../../cli/stack/problem.ts';
import { readStack } from '../../../cli/stack/read.ts';
import type { Stack } from '../../../cli/stack/stack.ts';
import { findTemplate } from '../../../cli/template/find.ts';
import { type StackCase, writeCase } from '../../recordings/faas-cli/stack-case.ts';

/** What bantam makes of a case: the bodies it would send, without its own ids, or why not. */
export interface BantamReading {
  readonly refusal: UserError | undefined;
  readonly warnings: readonly string[];
  readonly requests: readonly { readonly url: string; readonly body: Readonly<Record<string, unknown>> }[];
  readonly stack: Stack | undefined;
}

/** Writes a case into a folder of its own, hands that to `use`, and removes it. */
export async function withProject<Result>(
  stackCase: StackCase,
  use: (project: string) => Promise<Result>,
): Promise<Result> {
  const project = await realpath(await mkdtemp(join(tmpdir(), 'bantam-stack-case-')));
  try {
    await writeCase(stackCase, project);
    return await use(project);
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

/** Reads a case as `bantam fn deploy` does, with the same options, up to what would be sent. */
export async function readAsBantam(stackCase: StackCase, project: string): Promise<BantamReading> {
  const option = (...names: string[]): string | undefined =>
    stackCase.deploy?.find((_word, index, words) => names.includes(words[index - 1] ?? ''));
  const folder = join(project, stackCase.folder);
  let warnings: readonly string[] = [];
  try {
    const file = await findStack({ file: option('-f', '--yaml'), from: folder, home: project });
    const reading = await readStack(file, { environment: stackCase.environment, from: folder });
    warnings = reading.warnings.map((problem) => formatProblem(problem, folder));
    const { stack } = reading;
    const { url } = chooseGateway({
      flag: option('-g', '--gateway'),
      stack: stack.gateway,
      environment: stackCase.environment['OPENFAAS_URL'],
    });
    const ports = { findTemplate, report: () => undefined };
    const namespace = option('-n', '--namespace');
    const requests = stack.functions.map(async (declared) => {
      const fn = await withTemplateProcess(declared, stack.folder, ports);
      return {
        url: `${url}/system/functions`,
        body: { ...describeSettings(namespace === undefined ? fn : { ...fn, namespace }, fn.image) },
      };
    });
    return { refusal: undefined, warnings, requests: await Promise.all(requests), stack };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { refusal: error, warnings, requests: [], stack: undefined };
  }
}
