import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import { type DockerfileFacts, readDockerfile } from '../dockerfile.ts';
import type { BuildPlan } from '../plan.ts';
import type { BuildDescription } from '../recipe/description.ts';
import { findDisagreement } from './agreement.ts';
import { followBase } from './base-reference.ts';
import { requireDescription } from './function-tree.ts';
import { refuseForeign } from './refuse.ts';

/** The Dockerfile with the build arguments filled in, if it makes the image that build.json says. Throws BAN-E220. */
export async function readAgreeing(plan: BuildPlan, description: BuildDescription): Promise<DockerfileFacts> {
  const facts = readDockerfile(await readFile(join(plan.context, 'Dockerfile'), 'utf8'), plan.buildArguments);
  const other = findDisagreement(facts, description);
  if (other === undefined) return facts;
  throw new UserError(
    'BAN-E220',
    `${plan.name} cannot be built without Docker: the template’s Dockerfile was changed, and its build.json does not say the same`,
    {
      details: [`Dockerfile:${other.line}  ${other.text}`],
      hint: 'build with docker buildx: --builder buildx',
    },
  );
}

/** What the base of a platform is called, stages first. Throws BAN-E220 where a stage below the last does something itself. */
export function baseNames(plan: BuildPlan, facts: DockerfileFacts, platform: Platform): readonly string[] {
  const followed = followBase(facts, platform);
  if (followed !== undefined) return followed.names;
  throw new UserError(
    'BAN-E220',
    `${plan.name} cannot be built without Docker: its last stage is made from a stage that is built itself`,
    { hint: 'build with docker buildx: --builder buildx' },
  );
}

/** What a builder would do, as a comment for a shell: there is no command line of another program to show. */
export async function describeAssembly(plan: BuildPlan): Promise<string> {
  refuseForeign(plan);
  const description = await requireDescription(plan);
  const facts = await readAgreeing(plan, description);
  const parts = plan.platforms.map(
    (platform) => `${formatPlatform(platform)} over ${baseNames(plan, facts, platform).at(-1)}`,
  );
  return `${plan.name}: built by bantam itself (${description.tool} ${description.version}), ${parts.join(', ')}`;
}
