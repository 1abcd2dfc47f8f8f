import { readFile } from 'node:fs/promises';
import { isAbsolute, join, posix } from 'node:path';
import * as v from 'valibot';
import { UserError } from '../../errors.ts';

/** Name of the file in a template's folder (and so in every build context) that says what is built and how. */
export const descriptionFile = 'build.json';

const text = v.string('must be text');
const words = v.array(text, 'must be a list');
const table = v.record(v.string(), text, 'must be a map of text');
const inside = v.pipe(
  text,
  v.check(
    (path) => path !== '' && !isAbsolute(path) && !path.includes('\\') && !posix.normalize(path).startsWith('..'),
    ({ input }) => `must be a path inside the folder, is "${input}"`,
  ),
);
const pattern = v.pipe(text, v.check(isPattern, 'must be a regular expression'));

const file = v.object(
  {
    path: inside,
    mode: v.pipe(
      text,
      v.regex(/^[01]?[0-7]{3}$/, 'must be an octal mode, as chmod takes it'),
      v.transform((mode) => Number.parseInt(mode, 8)),
    ),
    directory: v.optional(v.boolean('must be true or false'), false),
  },
  'must be a map with path and mode',
);

const image = v.object(
  {
    entrypoint: words,
    cmd: words,
    workingDirectory: text,
    user: text,
    environment: table,
    labels: table,
    exposedPorts: words,
  },
  'must be a map',
);

const shared = {
  schema: v.literal(
    1,
    ({ input }) => `must be 1, is ${typeof input === 'object' ? 'none' : String(input)}: this bantam does not know it`,
  ),
  version: text,
  /** What there are base images for; without it nothing is left out. */
  platforms: v.optional(words),
  output: inside,
  files: v.array(file, 'must be a list'),
  image,
};

const bundleSchema = v.object({
  ...shared,
  kind: v.literal('bundle'),
  tool: v.literal('esbuild', 'must be esbuild'),
  entry: inside,
  handler: v.object({ folder: inside, candidates: words, import: text, format: text }, 'must be a map'),
  // esbuild judges the rest of its options itself.
  options: v.looseObject({ alias: v.optional(table, {}), define: v.optional(table, {}) }, 'must be a map'),
  beside: v.object(
    {
      into: inside,
      pattern,
      resolve: pattern,
      import: pattern,
      dynamic: pattern,
      prelude: text,
      load: text,
      leftOut: words,
      leftOutOfFunction: words,
    },
    'must be a map',
  ),
  nativeModules: v.object({ file: pattern, loader: pattern }, 'must be a map'),
  messages: v.object(
    {
      noHandler: text,
      severalHandlers: text,
      noDefaultExport: text,
      linkOut: text,
      nativeModule: text,
      nativeModuleUser: text,
      notInstalled: text,
      unreadablePackage: text,
      unresolved: v.optional(text),
      leavesFolder: v.optional(text),
      leavingDependency: v.optional(text),
    },
    'must be a map',
  ),
  install: words,
});

const compileSchema = v.object({
  ...shared,
  kind: v.literal('compile'),
  tool: v.literal('go', 'must be go'),
  package: text,
  workspace: inside,
  handler: v.object({ folder: inside, import: text, symbol: text, go: text, replacements: inside }, 'must be a map'),
  modules: v.array(inside, 'must be a list'),
  copies: v.array(v.object({ from: inside, to: inside }, 'must be a map'), 'must be a list'),
  flags: words,
  ldflags: text,
  environment: table,
  messages: v.object({ otherModule: text, unreadableModule: text, leavesFolder: v.optional(text) }, 'must be a map'),
  explanations: v.array(v.object({ pattern, message: text }, 'must be a map'), 'must be a list'),
});

/** How a function becomes one JavaScript file that is the same on all platforms. The keys are explained in templates/bantam-ts/README.md. */
export type BundleDescription = v.InferOutput<typeof bundleSchema>;

/** How a function becomes one static binary per platform. The keys are explained in templates/bantam-go/README.md. */
export type CompileDescription = v.InferOutput<typeof compileSchema>;

/** What a template's build.json says; the template's own script in its Dockerfile reads the same file. */
export type BuildDescription = BundleDescription | CompileDescription;

/** A file or folder of the tree that goes into the image; `mode` as chmod takes it. Owner root, all times 0. */
export type TreeEntry = v.InferOutput<typeof file>;

const schema = v.variant('kind', [bundleSchema, compileSchema], 'must be a map whose kind is "bundle" or "compile"');

/** Reads the build description of a template (or of a build context made of it). Throws BAN-E112 that names the file and everything wrong in it. */
export async function readDescription(folder: string): Promise<BuildDescription> {
  const path = join(folder, descriptionFile);
  const content = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is none' : cause.message;
    throw new UserError('BAN-E112', `${path} cannot be read: ${reason}`, {
      hint: 'only the templates of bantam carry a build description; others are built by their Dockerfile alone',
      cause,
    });
  });
  return decodeDescription(content, path);
}

/** Decodes the text of a build.json; `path` names it in messages. Throws BAN-E112. */
export function decodeDescription(content: string, path: string): BuildDescription {
  const parsed = v.safeParse(
    v.pipe(
      v.string(),
      v.parseJson(undefined, ({ received }) => `is no JSON: ${received.replace(/^"|"$/g, '')}`),
      schema,
    ),
    content,
  );
  if (parsed.success) return parsed.output;
  throw new UserError('BAN-E112', `${path} is not a valid build description`, {
    details: parsed.issues.map((issue) =>
      [path, v.getDotPath(issue), issue.message].filter((part) => part !== null).join(': '),
    ),
    hint: 'bring the template anew (bantam fn new writes template/), or correct what is named above',
  });
}

function isPattern(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}
