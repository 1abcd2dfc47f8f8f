import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { UserError } from '../errors.ts';
import { decodeStack } from '../stack/decode.ts';
import type { Stack, StackFunction } from '../stack/stack.ts';
import type { RunProgram } from './builder.ts';
import { inputsOf, linkTargets } from './inputs.ts';
import { findRepository, type Repository } from './repository.ts';

/** Which functions changed, since which commit, and why each of them counts. */
export interface Changes {
  /** For people: `1a2b3c4d5e6f, where this branch left origin/main`. */
  readonly since: string;
  /** The full id of the commit. */
  readonly commit: string;
  /** By the function's name: a sentence's end, `hello/handler.ts and 2 more`, `its settings in stack.yml`. */
  readonly reasons: ReadonlyMap<string, string>;
}

/** What is compared, and what it needs. `copied`: absolute paths that every function gets a copy of. */
export interface ChangeQuery {
  readonly stack: Stack;
  readonly functions: readonly StackFunction[];
  readonly copied: readonly string[];
  /** `--changed=REF`; empty or undefined: chosen here. */
  readonly reference: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly run: RunProgram;
  readonly signal: AbortSignal;
}

/**
 * Finds the functions whose inputs differ from those of a commit: files of the handler, the template and what is copied
 * into it, environment files, and the function's own settings as they are decoded (not the bytes of the stack file).
 * Uncommitted and untracked files count; files that git ignores and build secrets do not. Throws BAN-E212, BAN-E218.
 */
export async function findChanges(query: ChangeQuery): Promise<Changes> {
  const { stack, functions, copied, run, signal } = query;
  const repository = await findRepository(run, stack.folder, signal);
  if ('none' in repository)
    throw new UserError('BAN-E218', `--changed compares with a commit, and ${stack.folder} is in no git repository`, {
      hint: `leave out --changed (git says: ${repository.none})`,
    });
  const base = await findBase(repository, query);
  const files = await changedFiles(repository, base.commit);
  const [before, now] = await settingsOf(repository, base, query);
  const reasons = new Map<string, string>();
  for (const declared of functions) {
    if (signal.aborted) break;
    const links = declared.handler === undefined ? [] : await linkTargets(declared.handler);
    const environment = now.environmentFiles.get(declared.name) ?? [];
    const inputs = await repository.pathsOf([...inputsOf(stack, declared, copied), ...links, ...environment]);
    const touched = files.filter((file) =>
      inputs.some((input) => input === '.' || file === input || file.startsWith(`${input}/`)),
    );
    const [first] = touched;
    const old = typeof before === 'string' ? undefined : before.functions.get(declared.name);
    if (first !== undefined)
      reasons.set(declared.name, touched.length === 1 ? first : `${first} and ${touched.length - 1} more`);
    else if (old === undefined) reasons.set(declared.name, typeof before === 'string' ? before : 'it is new');
    else if (old !== now.functions.get(declared.name)) reasons.set(declared.name, `its settings in ${base.stackFile}`);
  }
  return { since: base.words, commit: base.commit, reasons };
}

interface Base {
  readonly commit: string;
  readonly words: string;
  /** Path of the stack file in the repository. */
  readonly stackFile: string;
}

/** The commit to compare with: the named one; where this branch left the default branch of `origin`; the push's start in GitHub Actions; the commit before. */
async function findBase(repository: Repository, query: ChangeQuery): Promise<Base> {
  const { reference, environment } = query;
  const stackFile = (await repository.pathsOf([query.stack.file])).at(-1) ?? 'stack.yml';
  const commitOf = async (name: string): Promise<string | undefined> =>
    (await repository.ask('rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`)) || undefined;
  const made = (commit: string, words: string): Base => ({
    commit,
    words: `${commit.slice(0, 12)}, ${words}`,
    stackFile,
  });
  const shallow = (await repository.ask('rev-parse', '--is-shallow-repository')) === 'true';
  const refuse = (what: string, hint: string): UserError =>
    new UserError('BAN-E218', `--changed: ${what}`, {
      hint: shallow
        ? 'this is a shallow clone, which lacks older commits: in GitHub Actions give actions/checkout `fetch-depth: 0`, elsewhere git fetch --unshallow'
        : hint,
    });
  const head = await commitOf('HEAD');
  if (head === undefined)
    throw refuse(`there is no commit yet in ${repository.root}`, 'commit once, or leave out --changed');
  if (reference) {
    const named = await commitOf(reference);
    if (named === undefined)
      throw refuse(`git knows no commit "${reference}"`, 'name a branch, a tag or a commit: --changed=origin/main');
    return made(named, reference);
  }
  const main = await defaultBranch(repository, commitOf);
  const fork = main === undefined ? undefined : (await repository.ask('merge-base', 'HEAD', main)) || undefined;
  if (main !== undefined && fork === undefined)
    throw refuse(`this branch and ${main} have no commit in common`, 'name what to compare with: --changed=REF');
  if (fork !== undefined && fork !== head) return made(fork, `where this branch left ${main}`);
  // On the default branch itself: what the last push brought, else the last commit.
  const before = await pushedFrom(environment);
  if (before !== undefined) {
    const known = await commitOf(before);
    if (known === undefined)
      throw refuse(
        `the commit before this push, ${before.slice(0, 12)}, is not here`,
        'name what to compare with: --changed=REF',
      );
    return made(known, 'before this push');
  }
  const parent = await commitOf('HEAD~1');
  if (parent !== undefined) return made(parent, 'the commit before the last');
  if (shallow) throw refuse('the commit before the last is not here', '');
  return { ...made(await emptyTree(repository), 'nothing'), words: 'nothing: there is one commit only' };
}

async function defaultBranch(
  repository: Repository,
  commitOf: (name: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const named = await repository.ask('symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD');
  for (const name of [named, 'origin/main', 'origin/master'])
    if (name && (await commitOf(`refs/remotes/${name}`)) !== undefined) return name;
  return undefined;
}

/** The tree without files; git knows it without an object. */
async function emptyTree(repository: Repository): Promise<string> {
  return (await repository.ask('hash-object', '-t', 'tree', '/dev/null')) ?? '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
}

const pushEvent = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ before: v.pipe(v.string(), v.regex(/^[0-9a-f]{40,64}$/)) }),
);

/** The commit before a push, in GitHub Actions (docs: webhook events and payloads, push); undefined for a new branch and elsewhere. */
async function pushedFrom(environment: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const { GITHUB_EVENT_NAME: name, GITHUB_EVENT_PATH: path } = environment;
  if (name !== 'push' || !path) return undefined;
  const event = v.safeParse(pushEvent, await readFile(path, 'utf8').catch(() => ''));
  return event.success && !/^0+$/.test(event.output.before) ? event.output.before : undefined;
}

/** Paths in the repository that differ between the commit and the files that are there now. */
async function changedFiles(repository: Repository, commit: string): Promise<readonly string[]> {
  const answers = await Promise.all([
    repository.ask('diff', '--name-only', '-z', '--no-renames', '--no-ext-diff', commit, '--'),
    repository.ask('ls-files', '--others', '--exclude-standard', '-z'),
  ]);
  return answers.flatMap((answer) => {
    if (answer === undefined)
      throw new UserError('BAN-E218', `--changed: git cannot compare with ${commit.slice(0, 12)}`, {
        hint: 'try it: git diff --stat COMMIT',
      });
    return answer.split('\0').filter((file) => file !== '');
  });
}

interface Settings {
  /** By name: all that is decoded of a function and of what holds for all, as one text. */
  readonly functions: ReadonlyMap<string, string>;
  readonly environmentFiles: ReadonlyMap<string, readonly string[]>;
}

/** The decoded settings then (or why they are not known: there was no stack file in this place, or none that can be read) and now; both with the variables of now. */
async function settingsOf(
  repository: Repository,
  { commit, stackFile }: Base,
  { stack, environment }: ChangeQuery,
): Promise<readonly [Settings | string, Settings]> {
  const then = await repository.ask('show', `${commit}:${stackFile}`);
  const read = (text: string): Settings | undefined => {
    const decoded = decodeStack(text, stack.file, environment);
    if (decoded.stack === undefined) return undefined;
    const { platforms, configuration } = decoded.stack;
    return {
      functions: new Map(
        decoded.stack.functions.map(({ position: _, ...declared }) => [
          declared.name,
          JSON.stringify({
            ...declared,
            environmentFiles: decoded.environmentFiles
              .filter((each) => each.function === declared.name)
              .map(({ file }) => file),
            platforms: declared.platforms ?? platforms ?? null,
            copy: configuration?.copy ?? [],
            template: configuration?.templates.find(({ name }) => name === declared.language) ?? null,
          }),
        ]),
      ),
      environmentFiles: new Map(
        decoded.stack.functions.map(({ name }) => [
          name,
          decoded.environmentFiles.filter((each) => each.function === name).map(({ file }) => file),
        ]),
      ),
    };
  };
  const now = read(await readFile(stack.file, 'utf8'));
  const before =
    then === undefined ? `${stackFile} was not there then` : (read(then) ?? `${stackFile} of then cannot be read`);
  return [before, now ?? { functions: new Map(), environmentFiles: new Map() }];
}
