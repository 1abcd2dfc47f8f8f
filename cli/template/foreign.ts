import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { makeOffer, type TemplateOffer } from './install.ts';
import { describeOrigin, type LockedTemplate, readLock } from './lock-file.ts';
import type { TemplateRepositories } from './repository.ts';
import { isSameSource, lockedSource, parseSource, type TemplateSource } from './source.ts';
import { splitName, wellKnownSource } from './well-known.ts';

/** `configuration.templates` of a stack file. */
export type ConfiguredTemplates = readonly { readonly name: string; readonly source: string | undefined }[];

/** What decides where a template comes from. `wellKnown`: OpenFaaS's own repositories count too, since the template was asked for by name. */
export interface SourceFacts {
  readonly projectFolder: string;
  readonly configured: ConfiguredTemplates;
  readonly locked: Readonly<Record<string, LockedTemplate>>;
  readonly wellKnown: boolean;
}

/**
 * Where the template `name` (it may end in `@REF`) comes from: `configuration.templates`, else the lock file, else the entry
 * of `configuration.templates` for the name without `@REF`, else, if wanted, OpenFaaS's own repositories. Undefined if
 * nobody says. Throws BAN-E113.
 */
export function sourceOf(name: string, facts: SourceFacts): TemplateSource | undefined {
  const { projectFolder, configured, locked, wellKnown } = facts;
  const { base, ref } = splitName(name);
  const read = (text: string): TemplateSource => parseSource(text, { from: projectFolder, project: projectFolder });
  const withReference = (text: string): string => (ref === undefined || text.includes('#') ? text : `${text}#${ref}`);
  const own = configured.find((entry) => entry.name === name)?.source;
  if (own) return read(withReference(own));
  const entry = locked[name];
  if (entry?.commit !== undefined) return lockedSource(entry, projectFolder);
  const ofBase = ref === undefined ? undefined : configured.find((candidate) => candidate.name === base)?.source;
  if (ofBase) return read(`${ofBase.split('#', 1)[0]}#${ref}`);
  const known = wellKnown ? wellKnownSource(name) : undefined;
  return known === undefined ? undefined : read(known);
}

/** What reading offers needs. */
export interface OfferPorts {
  readonly repositories: TemplateRepositories;
  readonly report: Report;
}

/**
 * The template `name` of a source. A commit that the lock file has for this source counts, whatever its branch has become,
 * unless `update`. In the repository it is the folder of that name, else of the name without `@REF`. Throws as the
 * repositories do, and BAN-E117 if the commit holds something else than was locked.
 */
export async function readOffer(
  name: string,
  source: TemplateSource,
  locked: LockedTemplate | undefined,
  update: boolean,
  { repositories, report }: OfferPorts,
): Promise<TemplateOffer> {
  const fixed = locked !== undefined && !update && isSameSource(locked, source) ? locked.commit : undefined;
  const commit = fixed ?? (await repositories.resolve(source));
  const templates = await repositories.read(source, commit);
  const { files, notes } = templates.files(templates.names.includes(name) ? name : splitName(name).base);
  for (const text of notes) report({ type: 'warning', text });
  const offer = await makeOffer(name, { source: source.repository, ref: source.ref, commit }, files);
  if (fixed !== undefined && locked !== undefined && locked.hash !== offer.hash)
    throw new UserError(
      'BAN-E117',
      `${describeOrigin(offer.origin)} has another ${name} than template/.bantam.json says`,
      { hint: 'the lock file was edited or damaged: take it from git again, or bantam template pull --update' },
    );
  return offer;
}

/** What the project at hand says about its templates' sources, for builds and `fn new`. */
export interface ForeignPorts extends OfferPorts {
  readonly configured: () => Promise<ConfiguredTemplates>;
}

/** A template that the project does not have yet, from where its stack file or its lock file says; undefined if neither does. */
export async function findForeign(
  projectFolder: string,
  name: string,
  ports: ForeignPorts,
  wellKnown: boolean,
): Promise<TemplateOffer | undefined> {
  const [locked, configured] = [await readLock(projectFolder), await ports.configured()];
  const source = sourceOf(name, { projectFolder, configured, locked, wellKnown });
  return source === undefined ? undefined : await readOffer(name, source, locked[name], false, ports);
}

/** The error for a template that is not in the project and that a build would bring, for those who may not write; undefined if nobody names a source. */
export async function notHereYet(
  projectFolder: string,
  name: string,
  configured: ConfiguredTemplates,
): Promise<UserError | undefined> {
  const source = sourceOf(name, {
    projectFolder,
    configured,
    locked: await readLock(projectFolder),
    wellKnown: false,
  });
  if (source === undefined) return undefined;
  return new UserError('BAN-E111', `the template ${name} is not in template/ yet; it comes from ${source.repository}`, {
    hint: `bantam template pull ${name} brings it, and so does a build`,
  });
}
