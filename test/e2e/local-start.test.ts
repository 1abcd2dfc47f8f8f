import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { skip } from '../real-parts.ts';
import { root } from './program.ts';

const needed = [
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'stack.yml', 'template', 'LICENSE', 'ARCHITECTURE.md'],
  ...['scripts', 'cli', 'templates', 'functions', 'docs', 'CHANGELOG.md'],
];

/** A copy of the project without anything that was made in it; its packages are the checkout's. */
async function copyProject(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bantam start '));
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...needed];
  const { stdout } = await execa('git', listing, { cwd: root });
  for (const path of new Set(stdout.split('\0').filter((text) => text !== ''))) {
    await mkdir(join(folder, dirname(path)), { recursive: true });
    await cp(join(root, path), join(folder, path), { verbatimSymlinks: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error; // removed, and not committed yet
    });
  }
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** The folder of a PATH with these programs and no others: there is no Docker in it. */
async function makePath(folder: string, programs: readonly string[]): Promise<string> {
  await mkdir(folder);
  for (const name of programs) {
    const { stdout } = await execa('sh', ['-c', 'readlink -f "$(command -v "$1")"', 'sh', name]);
    await symlink(stdout, join(folder, name));
  }
  return folder;
}

describe('npm start on a machine without Docker', function () {
  this.timeout(240_000);
  let project = '';
  let scratch = '';

  before(async () => {
    // Else npm start would install packages, through the link into the checkout.
    const lock = createHash('sha256')
      .update(await readFile(join(root, 'package-lock.json')))
      .digest('hex');
    assert.equal(
      await readFile(join(root, 'node_modules/.bantam-lock'), 'utf8'),
      lock,
      'run npm test: packages changed',
    );
    project = await copyProject();
    scratch = await mkdtemp(join(tmpdir(), 'bantam-start-path-'));
  });

  after(async () => {
    for (const folder of [project, scratch]) if (folder !== '') await rm(folder, { recursive: true, force: true });
  });

  function begin(argv: readonly string[], path: string): ChildProcess {
    const [program = '', ...rest] = argv;
    return spawn(join(path, program), rest, {
      cwd: project,
      env: { ...process.env, CI: undefined, PATH: path, DOCKER_HOST: 'unix:///nowhere/docker.sock' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Waits for the end; `until` is answered with Ctrl-C. */
  async function follow(child: ChildProcess, until?: RegExp): Promise<{ code: number | null; text: string }> {
    let text = '';
    const limit = setTimeout(() => child.kill('SIGKILL'), 200_000);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (until?.test(text) === true && !child.killed) child.kill('SIGINT');
      });
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearTimeout(limit);
    return { code, text };
  }

  it('builds, deploys and calls the functions of the repository, and ends with --once', async function () {
    if ((await execa('go', ['version'], { reject: false })).failed) skip(this, 'no go command');
    const path = await makePath(join(scratch, 'with-go'), ['sh', 'node', 'npm', 'go']);
    const { code, text } = await follow(begin(['npm', 'start', '--silent', '--', '--once'], path));
    assert.equal(code, 0, text);
    assert.match(text, /^arch-check\tdeployed\t/m);
    assert.match(text, /^node-info\tdeployed\t/m);
    assert.match(text, /"runsOn":\["linux\/amd64","linux\/arm64","linux\/arm\/v7"\]/);
    assert.match(text, /"goVersion": "go1\./);
    assert.match(text, /^npm start without --once lets them stay up\.$/m);
    await assertNothingRuns();
  });

  it('leaves out what needs Go where there is none, stays up until Ctrl-C, and leaves nothing running', async () => {
    const path = await makePath(join(scratch, 'without-go'), ['sh', 'node']);
    const child = begin(['node', '--import', 'tsx', 'scripts/start.ts'], path);
    const { code, text } = await follow(child, /They stay up until Ctrl-C/);
    assert.equal(code, 0, text);
    assert.match(text, /^node-info is written in Go, and there is no go command on this machine: left out\./m);
    assert.match(text, /^arch-check\t(deployed|unchanged)\t/m);
    assert.match(text, /^ {2}page {7}http:\/\/127\.0\.0\.1:\d+\/ui\/$/m);
    assert.match(text, /fn logs arch-check$/m);
    await assertNothingRuns();
  });

  it('says why the gateway does not come up, and ends as it does', async () => {
    const path = await makePath(join(scratch, 'no-state'), ['sh', 'node']);
    await rm(join(project, '.bantam'), { recursive: true, force: true });
    await writeFile(join(project, '.bantam'), 'a file');
    const { code, text } = await follow(begin(['node', '--import', 'tsx', 'scripts/start.ts'], path));
    await rm(join(project, '.bantam'));
    assert.equal(code, 1, text);
    assert.match(text, /\.bantam.*: it exists already/);
    assert.match(text, /^ {2}next: \S/m);
  });

  it('ends at a Ctrl-C that comes while the gateway starts', async () => {
    const path = await makePath(join(scratch, 'early'), ['sh', 'node']);
    const { code, text } = await follow(
      begin(['node', '--import', 'tsx', 'scripts/start.ts'], path),
      /bantam local up/,
    );
    assert.equal(code, 130, text);
    assert.doesNotMatch(text, /fn deploy/);
    await assertNothingRuns();
  });

  it('names an option that it does not know', async () => {
    const path = await makePath(join(scratch, 'node-alone'), ['sh', 'node']);
    const { code, text } = await follow(begin(['node', '--import', 'tsx', 'scripts/start.ts', '--onec'], path));
    assert.equal(code, 2);
    assert.match(text, /npm start knows no --onec\. It takes --once/);
  });

  /** No process of this machine has the project's folder in its command line any more. */
  async function assertNothingRuns(): Promise<void> {
    const { stdout } = await execa('ps', ['-eo', 'pid,args']);
    const left = stdout.split('\n').filter((line) => line.includes(project));
    assert.deepEqual(left, []);
    await assert.rejects(readFile(join(project, '.bantam/local.json')), { code: 'ENOENT' });
  }
});
