import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../../events.ts';
import type { RunProgram } from '../builder.ts';
import { hiddenTextsOf, hideTexts } from '../hidden-texts.ts';
import type { BuildPlan } from '../plan.ts';
import { knownSecrets } from './refuse.ts';

/** Build arguments that are environment for the steps of a Dockerfile without any ARG line (docs.docker.com/reference/dockerfile, "Predefined ARGs"). */
const proxies = /^(?:https?|ftp|no|all)_proxy$/i;

/**
 * Runs npm and go as the steps of the template's Dockerfile would run: with the proxies of the plan, and npm with the build
 * secret `npmrc` as its settings. What they say comes back without the values of secrets. A secret of a variable is written
 * to a file of the user's alone in `scratch`.
 */
export async function toolRunner(
  plan: BuildPlan,
  ports: {
    readonly run: RunProgram;
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly scratch: string;
    readonly report: Report;
  },
): Promise<RunProgram> {
  const { run, environment, scratch, report } = ports;
  for (const { id } of plan.secrets)
    if (!knownSecrets.includes(id))
      report({ type: 'note', about: plan.name, text: `no step of its template reads the build secret ${id}` });
  const npmrc = plan.secrets.find(({ id }) => id === 'npmrc');
  let settings = npmrc?.file;
  if (npmrc?.variable !== undefined) {
    settings = join(scratch, 'npmrc');
    await writeFile(settings, environment[npmrc.variable] ?? '', { mode: 0o600 });
  }
  const arguments_ = Object.fromEntries(Object.entries(plan.buildArguments).filter(([name]) => proxies.test(name)));
  const hidden = await hiddenTextsOf(plan, environment);
  return async (file, programArguments, options = {}) => {
    const own = file === 'npm' && settings !== undefined ? { NPM_CONFIG_USERCONFIG: settings } : {};
    const ended = await run(file, programArguments, {
      ...options,
      environment: { ...arguments_, ...options.environment, ...own },
    });
    return { ...ended, stdout: hideTexts(ended.stdout, hidden), stderr: hideTexts(ended.stderr, hidden) };
  };
}
