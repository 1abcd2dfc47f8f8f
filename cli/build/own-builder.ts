import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { RunProgram } from './builder.ts';
import { explainFailedBuild } from './explain.ts';
import type { BuildPlan } from './plan.ts';

/** Name of the builder instance that bantam makes for itself. */
export const ownBuilderName = 'bantam';

/** The argv that makes the builder: a container with BuildKit on the host's network (so that a base image on loopback is reachable), never `--use`. */
export function ownBuilderArguments(name: string): readonly string[] {
  return [
    'buildx',
    'create',
    '--name',
    name,
    '--driver',
    'docker-container',
    '--driver-opt',
    'network=host',
    '--bootstrap',
  ];
}

/** Makes bantam's own builder if it is not there; the user's current builder stays what it is. Throws what a failed build throws. */
export async function ensureOwnBuilder(
  name: string,
  plan: BuildPlan,
  run: RunProgram,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const found = await run('docker', ['buildx', 'inspect', name], { signal, timeout: 30_000 });
  if (found.exitCode === 0) return;
  if (found.missing) throw explainFailedBuild(plan, { missing: true, exitCode: undefined, text: '', steps: [] });
  report({
    type: 'note',
    about: plan.name,
    text: `making the builder "${name}" (docker-container driver); your current builder stays as it is`,
  });
  const made = await run('docker', ownBuilderArguments(name), { signal, timeout: 300_000 });
  if (made.exitCode === 0 || /existing instance/i.test(made.stderr)) return;
  const explained = explainFailedBuild(plan, {
    missing: made.missing,
    exitCode: made.exitCode,
    text: made.stderr,
    steps: [],
  });
  if (explained.code !== 'BAN-E206') throw explained;
  throw new UserError('BAN-E204', `the builder "${name}" cannot be made`, {
    details: explained.details,
    hint: 'docker-container builders need the image moby/buildkit: is a public registry reachable?',
  });
}
