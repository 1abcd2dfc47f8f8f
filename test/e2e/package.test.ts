import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { execa } from 'execa';
import * as v from 'valibot';
import { layOutContext } from '../../cli/build/context.ts';
import { findTemplate } from '../../cli/template/find.ts';
import { skip } from '../real-parts.ts';
import { bantam, root, temporaryFolder } from './program.ts';

const packedSchema = v.pipe(
  v.array(
    v.object({
      filename: v.string(),
      size: v.number(),
      unpackedSize: v.number(),
      files: v.array(v.object({ path: v.string(), mode: v.number() })),
    }),
  ),
  v.length(1),
  v.transform(([packed]) => {
    assert.ok(packed);
    return packed;
  }),
);

/** The package weighs this many bytes at most, packed: what a Raspberry Pi downloads (dockerode and esbuild come on top). */
const largest = 1_000_000;

describe('the package', function () {
  this.timeout(180_000);
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let packed: v.InferOutput<typeof packedSchema>;
  const installed = (): string => join(folder.path, 'empty');

  before(async () => {
    folder = await temporaryFolder('bantam package ');
    // dist/ is what `npm test` has just built; packing must not build it anew under the feet of other tests.
    const { stdout } = await npm(root, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder.path);
    packed = v.parse(packedSchema, JSON.parse(stdout));
  });

  after(async () => await folder?.[Symbol.asyncDispose]());

  it('holds the program, the templates and the documents, and nothing of tests, bed or recordings', async () => {
    const paths = packed.files.map(({ path }) => path);
    const places = [
      ...new Set(
        paths.map((path) => (path.startsWith('templates/') ? path.split('/', 2).join('/') : path.replace(/\/.*/, '/'))),
      ),
    ];
    assert.deepEqual(places.sort(), [
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist/',
      'docs/',
      'package.json',
      'templates/bantam-go',
      'templates/bantam-ts',
    ]);
    for (const path of paths.filter((path) => path.startsWith('dist/')))
      assert.match(path, /^dist\/([\w-]+\.js(\.LEGAL\.txt)?|help\.txt|page\/[\w.-]+)$/);
    assert.deepEqual(
      paths.filter((path) => /node_modules|\.map$|recordings|(^|\/)test\/|\.env|\.tgz$/.test(path)),
      [],
    );
    assert.ok(packed.size < largest, `${packed.size} bytes`);
    console.log(
      `        ${packed.files.length} files, ${(packed.size / 1000).toFixed(0)} kB packed, ${(packed.unpackedSize / 1_000_000).toFixed(1)} MB unpacked`,
    );
  });

  it('holds the templates to the last file', async () => {
    const entries = await readdir(join(root, 'templates'), { recursive: true, withFileTypes: true });
    const here = entries
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)));
    assert.ok(here.length > 20);
    const inPackage = packed.files.map(({ path }) => path).filter((path) => path.startsWith('templates/'));
    assert.deepEqual(inPackage.sort(), here.sort());
  });

  it('installs into an empty folder, and runs from there', async function () {
    await mkdir(installed());
    const tarball = join(folder.path, packed.filename);
    const result = await npm(installed(), 'install', '--prefer-offline', tarball);
    if (result.failed && /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/.test(result.stderr))
      skip(this, 'the npm registry cannot be reached');
    assert.equal(result.exitCode, 0, result.stderr);
    const { stdout, stderr, exitCode } = await npx(installed(), 'bantam', '--version');
    assert.equal(exitCode, 0, stderr);
    const { version } = v.parse(
      v.object({ version: v.string() }),
      JSON.parse(await readFile(join(root, 'package.json'), 'utf8')),
    );
    assert.equal(stdout, version);
    // What is not bundled is found beside it: dockerode is loaded by this one, the store by the other.
    const nowhere = { DOCKER_HOST: 'unix:///nowhere.sock' };
    const up = await npx(installed(), 'bantam', 'local', 'up', '--port', '0', '--provider', 'docker', nowhere);
    assert.match(up.stderr, /BAN-E202/);
    const detached = await npx(installed(), 'bantam', 'local', 'up', '--port', '0', '--detach', nowhere);
    assert.equal(detached.exitCode, 0, detached.stderr);
    const down = await npx(installed(), 'bantam', 'local', 'down', nowhere);
    assert.equal(down.exitCode, 0, down.stderr);
  });

  for (const [language, template] of [
    ['ts', 'bantam-ts'],
    ['go', 'bantam-go'],
  ] as const) {
    it(`scaffolds ${template} to the byte as the checkout does, and to the same build context`, async function () {
      const program = join(installed(), 'node_modules/bantam/dist/main.js');
      if (!(await exists(program))) skip(this, 'the package could not be installed');
      const argv = ['fn', 'new', 'hello', '--lang', language, '--prefix', 'registry.lan:5000'];
      await using fromPackage = await temporaryFolder();
      await using fromCheckout = await temporaryFolder();
      for (const [project, options] of [
        [fromPackage, { program }],
        [fromCheckout, {}],
      ] as const) {
        const { exitCode, stderr } = await bantam(argv, {
          folder: project.path,
          environment: { HOME: project.path },
          ...options,
        });
        assert.equal(exitCode, 0, stderr);
      }
      const files = await listFiles(fromCheckout.path);
      assert.ok(files.some((line) => line.endsWith(`template/${template}/Dockerfile`)));
      assert.deepEqual(await listFiles(fromPackage.path), files);
      assert.equal(await contextDigest(fromPackage.path, template), await contextDigest(fromCheckout.path, template));
    });
  }
});

/** Mode, content and path of every file below a folder. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(
    files.sort().map(async (file) => {
      const mode = ((await stat(file)).mode & 0o777).toString(8);
      return `${mode} ${(await readFile(file)).toString('base64')} ${file.slice(folder.length + 1)}`;
    }),
  );
}

async function contextDigest(project: string, template: string): Promise<string> {
  await using scratch = await temporaryFolder();
  const found = await findTemplate(project, template);
  return (await layOutContext(found, join(project, 'hello'), join(scratch.path, 'context'))).digest;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly failed: boolean;
  readonly exitCode?: number;
}

/** npm as a user has it: without what `npm test` puts into its children's environment. */
function surroundings(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(config_local_prefix|package_|lifecycle_|command$|execpath$)|^INIT_CWD$/.test(name),
    ),
  );
}

async function npm(cwd: string, ...argv: readonly string[]): Promise<Ended> {
  return await execa('npm', [...argv, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    env: surroundings(),
    extendEnv: false,
    reject: false,
    timeout: 150_000,
  });
}

async function npx(cwd: string, ...words: readonly (string | NodeJS.ProcessEnv)[]): Promise<Ended> {
  const argv = words.filter((word) => typeof word === 'string');
  const environment = words.filter((word) => typeof word === 'object');
  return await execa('npx', ['--no-install', ...argv], {
    cwd,
    env: Object.assign(surroundings(), ...environment),
    extendEnv: false,
    reject: false,
    timeout: 60_000,
  });
}
