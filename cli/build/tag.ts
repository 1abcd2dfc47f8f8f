import { UserError } from '../errors.ts';
import { parseReference } from '../oci/reference.ts';
import { requireHandler } from '../stack/handler.ts';
import type { Stack, StackFunction } from '../stack/stack.ts';
import type { RunProgram } from './builder.ts';
import { digestOfHandler, inputsOf } from './inputs.ts';
import { findRepository, type Repository } from './repository.ts';

/** Gives a function the image that `--tag` means; the same function gets the same one each time. Throws BAN-E212, BAN-E217. */
export type Tagger = (declared: StackFunction) => Promise<StackFunction>;

/** What a tagger needs. `copied`: absolute paths that every function gets a copy of. */
export interface TaggerPorts {
  readonly stack: Stack;
  readonly copied: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly run: RunProgram;
  readonly signal: AbortSignal;
}

/** The words that `--tag` understands; all other text is the tag itself. */
const words = ['git', 'sha', 'branch', 'describe', 'digest'] as const;
type Word = (typeof words)[number];

/**
 * Makes what `--tag` means of images. `git`: twelve digits of the commit, behind the tag of the stack file unless that is
 * `latest`. `sha`, `branch`, `describe` and `digest` are faas-cli's. Of those that name a commit, the tag ends in `-dirty` when
 * what the function is made of differs from it. Functions with skip_build keep their images: nobody builds others for them.
 * Throws BAN-E217 for text that is no tag.
 */
export function openTagger(wanted: string | undefined, ports: TaggerPorts): Tagger {
  if (wanted === undefined) return (declared) => Promise.resolve(declared);
  const word = words.find((each) => each === wanted);
  if (word === undefined) requireTag(wanted, `--tag ${wanted}`);
  const done = new Map<string, Promise<StackFunction>>();
  const owners = new Map<string, StackFunction>();
  let facts: Promise<Facts> | undefined;
  const tag = async (declared: StackFunction): Promise<StackFunction> => {
    const image = await imageOf(declared, word ?? { text: wanted }, ports, () => {
      facts ??= readFacts(word ?? 'git', ports);
      return facts;
    });
    const owner = owners.get(image);
    if (owner !== undefined && owner.image !== declared.image)
      throw new UserError(
        'BAN-E217',
        `--tag ${wanted} would give ${owner.name} and ${declared.name} the same image, ${image}`,
        {
          hint: 'give them different names before the tag: image: REGISTRY/NAME',
        },
      );
    owners.set(image, declared);
    return { ...declared, image };
  };
  return (declared) => {
    if (declared.skipBuild) return Promise.resolve(declared);
    const made = done.get(declared.name) ?? tag(declared);
    done.set(declared.name, made);
    return made;
  };
}

/** What git says of the commit that is checked out. */
interface Facts {
  readonly repository: Repository;
  /** What stands for the commit in the tag. */
  readonly commit: string;
}

async function imageOf(
  declared: StackFunction,
  wanted: Word | { readonly text: string },
  { stack, copied }: TaggerPorts,
  facts: () => Promise<Facts>,
): Promise<string> {
  const reference = parseReference(declared.image);
  if (reference.digest !== undefined)
    throw new UserError(
      'BAN-E217',
      `${declared.name}: ${declared.image} is pinned by its digest and gets no other tag`,
      {
        hint: `take the digest away in ${stack.file}:${declared.position.line}, or leave out --tag`,
      },
    );
  // As the user writes it: `docker.io` and `library/` are not added.
  const written = declared.image.endsWith(`:${reference.tag}`);
  const name = written ? declared.image.slice(0, -(reference.tag?.length ?? 0) - 1) : declared.image;
  const old = reference.tag ?? 'latest';
  const finish = (tag: string): string => `${name}:${requireTag(tag, declared.name)}`;
  if (typeof wanted === 'object') return finish(wanted.text);
  if (wanted === 'digest') return finish(await digestOfHandler(await requireHandler(stack, declared)));
  const { repository, commit } = await facts();
  const dirty = await repository.isDirty([...inputsOf(stack, declared, copied), stack.file]);
  const suffix = `${commit}${dirty ? '-dirty' : ''}`;
  return finish(wanted === 'git' && old === 'latest' ? suffix : `${old}-${suffix}`);
}

async function readFacts(word: Word, { stack, environment, run, signal }: TaggerPorts): Promise<Facts> {
  const repository = await findRepository(run, stack.folder, signal);
  if ('none' in repository)
    throw new UserError('BAN-E217', `--tag ${word} asks for a commit, and ${stack.folder} is in no git repository`, {
      hint: `name a tag yourself: --tag 1.0 (git says: ${repository.none})`,
    });
  const commit = await repository.ask('rev-parse', word === 'git' ? '--short=12' : '--short', 'HEAD');
  if (commit === undefined)
    throw new UserError('BAN-E217', `--tag ${word} asks for a commit, and there is none yet in ${repository.root}`, {
      hint: 'commit once (git commit), or name a tag yourself: --tag 1.0',
    });
  if (word === 'describe')
    return { repository, commit: clean((await repository.ask('describe', '--tags', '--always')) ?? commit) };
  if (word !== 'branch') return { repository, commit };
  const branch =
    (await repository.ask('symbolic-ref', '--short', '--quiet', 'HEAD')) ||
    environment['GITHUB_HEAD_REF'] ||
    environment['GITHUB_REF_NAME'] ||
    environment['CI_COMMIT_REF_NAME'];
  if (!branch)
    throw new UserError('BAN-E217', `--tag branch: no branch is checked out in ${repository.root}`, {
      hint: 'check one out (git switch NAME), or take --tag git',
    });
  return { repository, commit: `${clean(branch)}-${commit}` };
}

/** Names of branches and tags as a part of an image's tag: other characters than those of tags become `-`. */
function clean(name: string): string {
  return name.replace(/[^\w.-]+/g, '-');
}

/** A tag's characters are those of the distribution specification. Throws BAN-E217. */
function requireTag(tag: string, where: string): string {
  if (/^\w[\w.-]{0,127}$/.test(tag)) return tag;
  throw new UserError('BAN-E217', `${where}: "${tag}" is no tag`, {
    hint: 'letters, digits, "_", "." and "-", at most 128, and none of the last two first; --tag git takes the commit',
  });
}
