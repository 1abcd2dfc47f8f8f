import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bantam, type Run, type RunOptions, startBantam, temporaryFolder } from './program.ts';

/** A Dockerfile of a foreign template that copies the shell of its base under another name: no RUN on the target. */
export const copyingDockerfile = `FROM docker.io/library/busybox:1.36
COPY function/ /function/
ENTRYPOINT ["/bin/busybox", "sh"]
`;

/** A project in a folder with a space and an umlaut, with a home, a cache and a temporary folder of its own. */
export interface Project extends AsyncDisposable {
  readonly folder: string;
  readonly temporary: string;
  readonly scratch: string;
  /** Host and path that images are named after. */
  readonly prefix: string;
  run(argv: readonly string[], more?: Partial<RunOptions>): Promise<Run>;
  start(argv: readonly string[], ready: RegExp): ReturnType<typeof startBantam>;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** What lies about in the temporary folder and in the cache's scratch. */
  leftovers(): Promise<readonly string[]>;
}

/** Makes a project whose functions use `template/mine` with the given Dockerfile. */
export async function makeProject(
  registry: string,
  functions: readonly string[],
  dockerfile = copyingDockerfile,
): Promise<Project> {
  const root = await temporaryFolder('bantam-build-e2e-');
  const folder = join(root.path, 'my functions ü');
  const home = join(root.path, 'home');
  const temporary = join(root.path, 'tmp');
  const scratch = join(home, '.cache/bantam/scratch');
  for (const path of [folder, home, temporary]) await mkdir(path);
  const prefix = `${registry}/build-${randomBytes(4).toString('hex')}`;
  const environment = { HOME: home, XDG_CACHE_HOME: undefined, TMPDIR: temporary };
  const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  };
  await write({
    'template/mine/template.yml': 'language: mine\nfprocess: sh\n',
    'template/mine/Dockerfile': dockerfile,
    'stack.yml': [
      'version: 1.0',
      'provider:',
      '  name: openfaas',
      'functions:',
      ...functions.flatMap((name) => [
        `  ${name}:`,
        '    lang: mine',
        `    handler: ./${name}`,
        `    image: ${prefix}/${name}:1`,
      ]),
      '',
    ].join('\n'),
    ...Object.fromEntries(functions.map((name) => [`${name}/data.txt`, `${name} ${randomBytes(8).toString('hex')}\n`])),
  });
  return {
    folder,
    temporary,
    scratch,
    prefix,
    write,
    run: (argv, more = {}) => bantam(argv, { folder, ...more, environment: { ...environment, ...more.environment } }),
    start: (argv, ready) => startBantam(argv, { folder, ready, environment }),
    leftovers: async () =>
      (await Promise.all([temporary, scratch].map(async (path) => await readdir(path).catch(() => [])))).flat(),
    [Symbol.asyncDispose]: async () => await root[Symbol.asyncDispose](),
  };
}

interface Document {
  readonly functions: readonly {
    readonly name: string;
    readonly digest?: string;
    readonly push?: { readonly changed: boolean };
    readonly failure?: { readonly code: string; readonly message: string; readonly details?: readonly string[] };
  }[];
}

/** The outcomes in a `--json` document. */
export function outcomesOf({ stdout, stderr }: Run): Document['functions'] {
  try {
    return (JSON.parse(stdout) as Document).functions;
  } catch {
    throw new Error(`no document: ${stdout}${stderr}`);
  }
}
