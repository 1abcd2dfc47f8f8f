import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeFailure, type Failure, failedWith, UserError } from '../errors.ts';
import { notBrought } from './bring.ts';
import { isDockerfile } from './dockerfile.ts';
import { isTemplateName, templateName, templateNames, unknownTemplate } from './find.ts';
import { type ConfiguredTemplates, type OfferPorts, readOffer, sourceOf } from './foreign.ts';
import { harmNotes } from './gitignore.ts';
import { carryOutInstallation, lockEntry, planCopy, type TemplateOffer } from './install.ts';
import { describeOrigin, type LockedTemplate, lockTemplate, readLock, type TemplateOrigin } from './lock-file.ts';
import { isInPack, offerOfPack, type TemplatePack } from './pack.ts';
import type { TemplateSource } from './source.ts';

/** What is to be pulled. Without source and names: all that the stack file or the lock file names. */
export interface PullRequest {
  readonly projectFolder: string;
  readonly source: TemplateSource | undefined;
  readonly names: readonly string[];
  readonly configured: ConfiguredTemplates;
  /** `lang` of the functions that are built. */
  readonly languages: readonly string[];
  /** Take what the source has now, not the locked commit. */
  readonly update: boolean;
  /** Replace copies that were edited. */
  readonly overwrite: boolean;
}

/** What pulling needs. */
export interface PullPorts extends OfferPorts {
  readonly pack: TemplatePack;
  readonly signal: AbortSignal;
}

/**
 * What became of one template. `pulled`: it is new. `updated`: an untouched copy was replaced. `overwritten`: an edited one
 * was. `same`: nothing to do. `kept`: it was edited, and nobody asked for it by name.
 */
export type PullOutcome =
  | {
      readonly name: string;
      readonly state: 'pulled' | 'updated' | 'overwritten' | 'same' | 'kept';
      readonly origin: TemplateOrigin;
      readonly hash: string;
    }
  | { readonly name: string; readonly failure: Failure };

/** Pulls templates one after the other; each has an outcome of its own. Throws what keeps all of them from being pulled (a source that cannot be read), and Interrupted. */
export async function pullTemplates(request: PullRequest, ports: PullPorts): Promise<readonly PullOutcome[]> {
  const locked = await readLock(request.projectFolder);
  const outcomes: PullOutcome[] = [];
  for (const name of await namesOf(request, locked, ports)) {
    try {
      outcomes.push(await pullOne(name, request, locked, ports));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      outcomes.push({ name, failure: describeFailure(error) });
    }
  }
  if (outcomes.some((outcome) => !('failure' in outcome) && outcome.state === 'pulled')) {
    // What cannot be read hides nothing.
    const ignored = await readFile(join(request.projectFolder, '.gitignore'), 'utf8').catch(() => undefined);
    for (const text of harmNotes(ignored)) ports.report({ type: 'note', text });
  }
  return outcomes;
}

async function namesOf(
  request: PullRequest,
  locked: Readonly<Record<string, LockedTemplate>>,
  ports: PullPorts,
): Promise<readonly string[]> {
  const { source, projectFolder } = request;
  if (request.names.length > 0) return [...new Set(request.names.map(templateName))];
  if (source === undefined) {
    const present = await templateNames(projectFolder);
    // A template that is there and that nobody names is the project's own.
    const needed = request.languages.filter((name) => !isDockerfile(name) && !present.includes(name));
    return [...new Set([...Object.keys(locked), ...request.configured.map(({ name }) => name), ...needed])].sort();
  }
  const commit = await ports.repositories.resolve(source);
  const { names } = await ports.repositories.read(source, commit);
  const usable = names.filter(isTemplateName);
  for (const name of names.filter((found) => !isTemplateName(found)))
    ports.report({
      type: 'warning',
      text: `${source.repository} has a template ${JSON.stringify(name)}: that is no name`,
    });
  if (usable.length === 0)
    throw new UserError('BAN-E116', `${source.repository} has no templates`, {
      hint: 'templates are folders with a template.yml in the folder template at the root of a repository',
    });
  if (source.ref?.includes('/'))
    throw new UserError('BAN-E116', `templates of ${source.ref} cannot be called NAME@${source.ref}: a name has no /`, {
      hint: `name them: bantam template pull ${source.repository}#${source.ref} ${usable.join(' ')}`,
    });
  return usable.map((name) => (source.ref === undefined ? name : `${name}@${source.ref}`));
}

async function pullOne(
  name: string,
  request: PullRequest,
  locked: Readonly<Record<string, LockedTemplate>>,
  ports: PullPorts,
  again = false,
): Promise<PullOutcome> {
  const { projectFolder, update, overwrite } = request;
  const offer = await offerFor(name, request, locked, ports);
  const installation = await planCopy(offer, projectFolder);
  const done = (state: 'pulled' | 'updated' | 'overwritten' | 'same' | 'kept'): PullOutcome => ({
    name,
    state,
    origin: offer.origin,
    hash: offer.hash,
  });
  const inWords = (error: unknown): unknown =>
    error instanceof Error && 'syscall' in error ? notBrought(name, offer.origin, projectFolder, error) : error;
  const write = async (work: () => Promise<unknown>): Promise<void> => {
    await work().catch((error: unknown) => {
      throw inWords(error);
    });
  };
  const install = async (): Promise<void> =>
    await write(async () => await carryOutInstallation(installation, projectFolder, ports.signal));
  switch (installation.state) {
    case 'absent':
      try {
        await carryOutInstallation(installation, projectFolder, ports.signal);
      } catch (error) {
        // Another program has put something there while this one was copying: then that counts.
        if (isTaken(error) && !again) return await pullOne(name, request, await readLock(projectFolder), ports, true);
        throw inWords(error);
      }
      return done('pulled');
    case 'same':
      if (!isLocked(offer, installation.locked))
        await write(async () => await lockTemplate(projectFolder, name, lockEntry(offer)));
      return done('same');
    case 'outdated':
      // bantam's own copies stay at their version until somebody says so, as those of other sources stay at their commit.
      if (offer.origin.commit === undefined && !update && request.names.length === 0) return done('kept');
      await install();
      return done('updated');
    case 'changed':
      if (overwrite) {
        await install();
        return done('overwritten');
      }
      if (request.source === undefined && request.names.length === 0) return done('kept');
      throw new UserError(
        'BAN-E117',
        `template/${name} is there already and is not that of ${describeOrigin(installation.locked ?? offer.origin)}`,
        {
          hint: `--overwrite replaces it by that of ${describeOrigin(offer.origin)}; bantam template verify names the files that differ from the lock`,
        },
      );
  }
}

function isTaken(error: unknown): boolean {
  return failedWith(error, 'ENOTEMPTY', 'EEXIST');
}

async function offerFor(
  name: string,
  { source, projectFolder, configured, update }: PullRequest,
  locked: Readonly<Record<string, LockedTemplate>>,
  ports: PullPorts,
): Promise<TemplateOffer> {
  if (!isTemplateName(name)) throw unknownTemplate(name, await templateNames(projectFolder));
  const found = source ?? sourceOf(name, { projectFolder, configured, locked, wellKnown: false });
  if (found !== undefined) return await readOffer(name, found, locked[name], update, ports);
  if (await isInPack(ports.pack, name)) return await offerOfPack(ports.pack, name);
  const known = sourceOf(name, { projectFolder, configured, locked, wellKnown: true });
  if (known !== undefined) return await readOffer(name, known, locked[name], update, ports);
  throw new UserError('BAN-E111', `nobody says where the template ${name} comes from`, {
    hint: `bantam template pull URL ${name}, or give it a source under configuration.templates of the stack file`,
  });
}

function isLocked({ origin, hash }: TemplateOffer, locked: LockedTemplate | undefined): boolean {
  return (
    locked?.hash === hash &&
    locked.files !== undefined &&
    locked.source === origin.source &&
    locked.version === origin.version &&
    locked.ref === origin.ref &&
    locked.commit === origin.commit
  );
}
