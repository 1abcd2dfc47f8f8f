import { UserError } from '../../errors.ts';
import type { BuildPlan } from '../plan.ts';

/** Ids of build secrets that the templates mount; see their Dockerfiles. */
export const knownSecrets: readonly string[] = ['npmrc'];

/** What a plan asks for that only docker buildx can do, as a clause; undefined if nothing. */
export function needsBuildx(plan: BuildPlan): string | undefined {
  const { caches, output, instance, buildArguments } = plan;
  if (!plan.described)
    return plan.sources === undefined
      ? 'lang: dockerfile is built by its Dockerfile'
      : 'its template is built by its Dockerfile: only the templates of bantam say how to do without';
  if (output.kind === 'load') return '--load hands the image to the Docker engine';
  if (instance !== undefined) return `the builder ${instance.name} is one of docker buildx`;
  if (caches.from.length > 0 || caches.to.length > 0 || caches.local !== undefined)
    return '--build-cache, --cache-from and --cache-to are caches of BuildKit';
  if ((buildArguments['ADDITIONAL_PACKAGE'] ?? '') !== '') return 'build options install packages into an image';
  return undefined;
}

/** Throws BAN-E220 for a plan that needs docker buildx. */
export function refuseForeign(plan: BuildPlan): void {
  const why = needsBuildx(plan);
  if (why === undefined) return;
  throw new UserError('BAN-E220', `${plan.name} cannot be built without Docker: ${why}`, {
    hint:
      plan.caches.from.length + plan.caches.to.length > 0 || plan.caches.local !== undefined
        ? 'leave the caches out (what was made before is kept by itself), or build with --builder buildx'
        : 'build with docker buildx: --builder buildx',
  });
}
