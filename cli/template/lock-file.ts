import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import { UserError } from '../errors.ts';

/**
 * What a project's copy of a template was made from. `source`: `bantam`, the URL of a git repository (without credentials),
 * or a path to one (relative to the project if it was written so). `version`: of bantam. `ref`: the branch, tag or
 * `sha-…` asked for; none is the default branch. `commit`: what that was then.
 */
export interface TemplateOrigin {
  readonly source: string;
  readonly version?: string | undefined;
  readonly ref?: string | undefined;
  readonly commit?: string | undefined;
}

/** An entry of the lock file. `hash`: of all files, as hashTree gives it; `files`: of each, as digestFiles does (missing in entries of bantam 0.1). */
export interface LockedTemplate extends TemplateOrigin {
  readonly hash: string;
  readonly files?: Readonly<Record<string, string>> | undefined;
}

/** The lock file, below the project. It stands beside the templates, in none of them, so it is part of no build. */
export const lockFileName = 'template/.bantam.json';

const text = v.string('must be text');
const isMap = v.check<unknown, string>((value) => !Array.isArray(value), 'it is a list');
/** A map by names of any kind: valibot's record drops `constructor` and the like, and files and templates may be called so. */
function mapOf<Value>(value: v.GenericSchema<unknown, Value>) {
  return v.pipe(
    v.custom<object>((found) => typeof found === 'object' && found !== null, 'it is no map'),
    v.rawTransform(({ dataset, addIssue }): Readonly<Record<string, Value>> => {
      const entries: [string, Value][] = [];
      for (const [key, found] of Object.entries(dataset.value)) {
        const parsed = v.safeParse(value, found);
        if (parsed.success) entries.push([key, parsed.output]);
        else
          for (const issue of parsed.issues)
            addIssue({ message: [[key, v.getDotPath(issue)].filter(Boolean).join('.'), issue.message].join(': ') });
      }
      return Object.fromEntries(entries);
    }),
  );
}

const schema = mapOf(
  v.object(
    {
      source: text,
      version: v.optional(text),
      ref: v.optional(text),
      commit: v.optional(v.pipe(text, v.regex(/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/, 'must be a whole commit id'))),
      hash: v.pipe(text, v.regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits')),
      files: v.optional(mapOf(text)),
    },
    'must be a map with source and hash',
  ),
);

/** Reads the lock file, by template name; empty if there is none. Throws BAN-E112 if it is damaged. */
export async function readLock(projectFolder: string): Promise<Readonly<Record<string, LockedTemplate>>> {
  const file = join(projectFolder, lockFileName);
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' || error.code === 'ENOTDIR' ? '{}' : Promise.reject(error),
  );
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(undefined, 'it is no JSON'), isMap, schema), content);
  // Without a prototype: a template may be called toString.
  if (parsed.success) return Object.assign(Object.create(null), parsed.output);
  throw new UserError('BAN-E112', `${file} is damaged`, {
    details: parsed.issues.map((issue) => [v.getDotPath(issue), issue.message].filter(Boolean).join(': ')),
    hint: 'take it from git again, or delete it: bantam template pull then locks what the templates are now',
  });
}

/**
 * Sets the entry of one template (`undefined` removes it) and leaves all others as they are, also when other programs write
 * at the same time. The text is the same for the same entries: names sorted. Returns how to undo it. The folder
 * `template` must exist.
 */
export async function lockTemplate(
  projectFolder: string,
  name: string,
  entry: LockedTemplate | undefined,
): Promise<() => Promise<void>> {
  const file = join(projectFolder, lockFileName);
  const release = await lock(join(projectFolder, 'template'), {
    lockfilePath: `${file}.lock`,
    stale: 5000,
    // Held for a moment only; should somebody remove it meanwhile, the file is still written in one piece.
    onCompromised: () => undefined,
    retries: { retries: 90, minTimeout: 20, maxTimeout: 100, factor: 1.3 },
  }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ELOCKED'
      ? new UserError('BAN-E004', `another program is writing ${file}`, { hint: `if none is, remove ${file}.lock` })
      : error;
  });
  try {
    const before = await readLock(projectFolder);
    const after = Object.fromEntries(
      Object.entries({ ...before, [name]: entry })
        .filter(([, found]) => found !== undefined)
        .sort(([left], [right]) => (left < right ? -1 : 1)),
    );
    if (Object.keys(after).length === 0) await rm(file, { force: true });
    else await writeFileAtomic(file, `${JSON.stringify(after, undefined, 2)}\n`, { mode: 0o644 });
    return async () => {
      await lockTemplate(projectFolder, name, before[name]);
    };
  } finally {
    await release();
  }
}

/** `bantam 0.1.0`, or `https://… (v2, 69ca16a)`. */
export function describeOrigin({ source, version, ref, commit }: TemplateOrigin): string {
  if (commit === undefined) return version === undefined ? source : `${source} ${version}`;
  return `${source} (${[ref, commit.slice(0, 7)].filter((part) => part !== undefined && !part.startsWith('sha-')).join(', ')})`;
}
