import { lstat, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { Interrupted, UserError } from '../errors.ts';
import { checkFunctionName } from '../stack/name.ts';
import { carryOutInstallation } from './install.ts';
import type { TemplatePack } from './pack.ts';
import { planScaffold, type ScaffoldFacts, type ScaffoldPlan, type ScaffoldRequest, type TextEdit } from './plan.ts';
import { type FindForeign, templateFacts } from './template-facts.ts';
import { copyTree } from './tree.ts';

/** What a scaffold has written: paths relative to the project, the stack file last. */
export interface Scaffolded {
  readonly written: readonly string[];
  readonly image: string;
  readonly welcomeMessage: string | undefined;
  readonly notes: readonly string[];
}

/**
 * Looks at the project and decides: {@link planScaffold} with the facts of the file system. A template that the project has
 * already is preferred to the pack's, and both to one that `findForeign` has to fetch. Throws BAN-E111 for an unknown
 * template, and what the sources throw.
 */
export async function prepareScaffold(
  request: ScaffoldRequest,
  pack: TemplatePack,
  findForeign: FindForeign = async () => undefined,
): Promise<ScaffoldPlan> {
  checkFunctionName(request.name);
  const projectFolder = dirname(request.stackFile);
  const facts: ScaffoldFacts = {
    ...(await templateFacts(request.language, projectFolder, pack, findForeign)),
    handlerExists: await exists(join(projectFolder, request.name)),
    stackText: await textOf(request.stackFile),
    gitignoreText: await textOf(join(projectFolder, '.gitignore')),
  };
  return planScaffold(request, facts);
}

/**
 * Carries a plan out, all or nothing: the handler is written beside its place and renamed, the stack file is replaced last,
 * and what was done is undone if a step fails or `signal` aborts (Interrupted). Throws BAN-E003 if something cannot be
 * written or the stack file has changed since the plan was made, BAN-E104 if the folder has appeared meanwhile.
 */
export async function scaffold(plan: ScaffoldPlan, signal?: AbortSignal): Promise<Scaffolded> {
  const undo: (() => Promise<void>)[] = [];
  const { projectFolder, handlerFolder } = plan;
  try {
    const staged = await mkdtemp(join(projectFolder, '.bantam-new-'));
    try {
      await copyTree(plan.handlerFiles, join(staged, 'handler'), signal);
      if (plan.installation !== undefined)
        undo.push(await carryOutInstallation(plan.installation, projectFolder, signal));
      stopIfAborted(signal);
      // A rename would replace an empty folder without a word.
      if (await exists(handlerFolder))
        throw new UserError('BAN-E104', `${handlerFolder} exists already`, {
          hint: 'choose another name, or move the old one away',
        });
      await rename(join(staged, 'handler'), handlerFolder);
      undo.push(() => rm(handlerFolder, { recursive: true, force: true }));
    } finally {
      await rm(staged, { recursive: true, force: true });
    }
    for (const edit of [plan.gitignore, plan.stack]) {
      if (edit === undefined) continue;
      stopIfAborted(signal);
      undo.push(await replaceText(edit));
    }
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw isSystemError(error)
      ? new UserError('BAN-E003', `the function could not be written: ${error.message}`, {
          hint: 'nothing was left behind; correct that and try again',
          cause: error,
        })
      : error;
  }
  const paths = [plan.installation?.folder, handlerFolder, plan.gitignore?.file, plan.stack.file];
  return {
    written: paths.filter((path) => path !== undefined).map((path) => relative(projectFolder, path)),
    image: plan.function.image,
    welcomeMessage: plan.welcomeMessage,
    notes: plan.notes,
  };
}

/** Replaces a file's text if it is still what the plan saw, and keeps its mode (0644 for a new one). Returns how to undo it. */
async function replaceText({ file, before, after }: TextEdit): Promise<() => Promise<void>> {
  if ((await textOf(file)) !== before)
    throw new UserError('BAN-E003', `${file} was changed by somebody else meanwhile`, {
      hint: 'nothing was left behind; try again',
    });
  await writeFileAtomic(file, after, before === undefined ? { mode: 0o644 } : {});
  return async () => (before === undefined ? rm(file, { force: true }) : writeFileAtomic(file, before));
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(file));
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw new UserError(
      'BAN-E003',
      `${file} cannot be read as text: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  // lstat, because a link that leads nowhere also takes the name.
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? false : Promise.reject(error)),
  );
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new Interrupted();
}
