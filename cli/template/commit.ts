import { UserError } from '../errors.ts';
import type { Git, GitResult } from './git.ts';
import {
  collectFiles,
  type FoundFile,
  follow,
  type GitTree,
  linksOf,
  listTemplates,
  longestLink,
  readListing,
} from './git-tree.ts';
import type { TemplateSource } from './source.ts';
import { sortFiles, type TreeFile } from './tree.ts';

/** The templates of one commit, by the name of their folder. */
export interface CommitTemplates {
  readonly names: readonly string[];
  /** The files of one of them; `notes` are sentences about what is not in them as one may think. Throws BAN-E112, BAN-E116. */
  files(name: string): { readonly files: readonly TreeFile[]; readonly notes: readonly string[] };
}

/** Asks the repository that holds the commit. */
export type AskCommit = (
  gitArguments: readonly string[],
  options?: Pick<Parameters<Git>[1], 'input' | 'onStdoutBytes'>,
) => Promise<GitResult>;

/** How many links a repository may have, and how large the list of its files and all its templates may be, in bytes. */
const limits = { links: 2000, listing: 64 * 1024 * 1024, contents: 64 * 1024 * 1024 };

/** Reads which templates a commit has, and the files of all of them: a kept repository may be gone afterwards. Throws BAN-E114 where git cannot read it. */
export async function readCommit(commit: string, source: TemplateSource, ask: AskCommit): Promise<CommitTemplates> {
  const root = readListing(
    await bytesOf(ask, source, ['ls-tree', '-r', '-z', '-l', '--full-tree', commit], undefined, limits.listing),
  );
  const links = linksOf(root);
  if (links.length > limits.links)
    throw new UserError(
      'BAN-E114',
      `${source.repository} has ${links.length} links: that is no repository of templates`,
      {
        hint: 'copy its templates into a repository of their own',
      },
    );
  const readable = links.filter(({ size }) => size <= longestLink);
  const contents = await readBlobs(ask, source, readable);
  const targets = new Map([...contents].map(([object, bytes]) => [object, new TextDecoder().decode(bytes)]));
  const tree: GitTree = { root, targets };
  const templates = listTemplates(tree);
  if (typeof templates === 'string')
    throw new UserError('BAN-E116', `${source.repository} has no templates: ${noTemplates[templates]}`, {
      hint: 'templates are the folders in the folder template at the root of a repository',
    });
  const found = new Map(
    [...templates].filter(([, path]) => {
      const definition = follow(tree, [...path, 'template.yml']);
      return typeof definition !== 'string' && definition.kind === 'file';
    }),
  );
  const collected = new Map<string, Collected>();
  for (const [name, path] of found) collected.set(name, collect(tree, path, `${name} of ${source.repository}`));
  const wanted = [...collected.values()].flatMap((one) => ('refusal' in one ? [] : one.files));
  const bytes = [...new Map(wanted.map(({ object, size }) => [object, size])).values()].reduce(
    (sum, size) => sum + size,
    0,
  );
  if (bytes > limits.contents)
    throw new UserError(
      'BAN-E114',
      `the templates of ${source.repository} are larger than ${limits.contents / 1024 / 1024} MiB`,
      {
        hint: 'copy the one that is wanted into template/ of the project: its own templates need no source',
      },
    );
  // All of them now: what is not kept is gone when the next one is asked for.
  const blobs = await readBlobs(ask, source, wanted);
  return {
    names: [...found.keys()],
    files(name) {
      const one = collected.get(name);
      if (one === undefined) throw noSuchTemplate(name, [...found.keys()], source, commit);
      if ('refusal' in one) throw one.refusal;
      const files = one.files.map(({ path, object, executable }): TreeFile => {
        const content = blobs.get(object) ?? new Uint8Array();
        return { path, executable, read: async () => content };
      });
      const notes = [
        ...one.submodules.map((path) => `${name}/${path} is a submodule: it was left out`),
        ...one.files
          .filter(({ object, size }) => size < 1024 && isPointer(blobs.get(object)))
          .map(
            ({ path }) => `${name}/${path} is kept by Git LFS: the template has a pointer of three lines in its place`,
          ),
      ];
      return { files: sortFiles(files), notes };
    },
  };
}

type Collected = ReturnType<typeof collectFiles> | { readonly refusal: UserError };

/** One template that cannot be used does not keep the others from being used. */
function collect(tree: GitTree, path: readonly string[], called: string): Collected {
  try {
    return collectFiles(tree, path, called);
  } catch (error) {
    if (error instanceof UserError) return { refusal: error };
    throw error;
  }
}

function noSuchTemplate(name: string, names: readonly string[], source: TemplateSource, commit: string): UserError {
  return new UserError('BAN-E116', `${source.repository} has no template ${name} (${commit.slice(0, 7)})`, {
    hint: names.length === 0 ? 'none of its folders in template/ has a template.yml' : `it has ${names.join(', ')}`,
  });
}

const noTemplates = {
  nowhere: 'there is no folder template at its root',
  'no folder': 'template at its root is no folder',
  out: 'template at its root is a link that leads out of it',
  circle: 'template at its root is a link that leads in a circle',
  submodule: 'template at its root is a submodule, and those are not fetched',
} as const;

function isPointer(bytes: Uint8Array | undefined): boolean {
  return (
    bytes !== undefined &&
    new TextDecoder().decode(bytes.subarray(0, 60)).startsWith('version https://git-lfs.github.com/spec/')
  );
}

/** Contents by object id, raw, as the commit has them: no line ends or filters are applied. */
async function readBlobs(
  ask: AskCommit,
  source: TemplateSource,
  wanted: readonly Pick<FoundFile, 'object' | 'size'>[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const objects = new Map(wanted.map(({ object, size }) => [object, size]));
  if (objects.size === 0) return new Map();
  const limit = [...objects.values()].reduce((sum, size) => sum + size + 200, 0);
  const input = [...objects.keys()].map((object) => `${object}\n`).join('');
  const answer = await bytesOf(ask, source, ['cat-file', '--batch'], input, limit);
  return readBatch(answer, source);
}

/** Reads what `git cat-file --batch` says: `OBJECT blob SIZE\n`, the bytes, `\n`, for each object. */
function readBatch(answer: Uint8Array, source: TemplateSource): ReadonlyMap<string, Uint8Array> {
  const blobs = new Map<string, Uint8Array>();
  let position = 0;
  while (position < answer.length) {
    const end = answer.indexOf(0x0a, position);
    const head = new TextDecoder().decode(answer.subarray(position, end));
    const [, object, size] = /^([0-9a-f]+) blob (\d+)$/.exec(head) ?? [];
    if (object === undefined) throw unreadable(source, head);
    const start = end + 1;
    blobs.set(object, answer.slice(start, start + Number(size)));
    position = start + Number(size) + 1;
  }
  return blobs;
}

async function bytesOf(
  ask: AskCommit,
  source: TemplateSource,
  gitArguments: readonly string[],
  input: string | undefined,
  limit: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const result = await ask(gitArguments, {
    ...(input === undefined ? {} : { input }),
    onStdoutBytes: (chunk) => {
      length += chunk.length;
      if (length > limit) throw unreadable(source, 'it answers with more than there can be');
      chunks.push(chunk);
    },
  });
  if (result.exitCode !== 0) throw unreadable(source, result.stderr.split('\n')[0] ?? '');
  return Buffer.concat(chunks);
}

function unreadable(source: TemplateSource, reason: string): UserError {
  return new UserError('BAN-E114', `the commit of ${source.repository} cannot be read: ${reason}`, {
    hint: 'try again; if it stays so, remove ~/.cache/bantam/templates',
  });
}
