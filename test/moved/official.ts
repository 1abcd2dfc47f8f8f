import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../templates/build-context.ts';
import type { MovedFunction } from './moved-function.ts';

/** Where the official parts are; nothing is fetched. */
export interface Official {
  /** Folder of `template/node22` and the like. */
  readonly node: string;
  /** Folder of `template/golang-http` and the like. */
  readonly go: string;
  readonly watchdog: string;
}

/** /home/app of an official image, and what runs in it. */
export interface OfficialTree {
  readonly home: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
}

async function must(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<string> {
  const { code, output } = await run(program, args, { cwd, env });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${output}`);
  return output;
}

/** Builds a function in `work` with the files of its official template, step by step what its Dockerfile does. */
export async function buildOfficially(official: Official, moved: MovedFunction, work: string): Promise<OfficialTree> {
  const templates = moved.template === 'bantam-ts' ? official.node : official.go;
  const context = join(work, 'context');
  await cp(join(templates, 'template', moved.lang), context, { recursive: true });
  await rm(join(context, 'function'), { recursive: true });
  await cp(moved.handler, join(context, 'function'), { recursive: true });
  return moved.template === 'bantam-ts'
    ? await installNode(context)
    : await compileGo(moved, context, join(work, 'home'));
}

async function installNode(home: string): Promise<OfficialTree> {
  await must('npm', ['install', '--no-audit', '--no-fund'], home);
  await must('npm', ['install', '--no-audit', '--no-fund'], join(home, 'function'));
  await must('npm', ['test'], join(home, 'function'));
  const versions: Record<string, string> = { node: process.version };
  for (const name of ['express', 'body-parser']) versions[name] = await versionOf(join(home, 'node_modules', name));
  const port = String(3000 + (process.pid % 1000));
  return {
    home,
    versions,
    environment: {
      fprocess: 'node index.js',
      upstream_url: `http://127.0.0.1:${port}`,
      http_port: port,
      cgi_headers: 'true',
    },
  };
}

async function versionOf(folder: string): Promise<string> {
  return (JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}

async function compileGo(moved: MovedFunction, context: string, home: string): Promise<OfficialTree> {
  const environment: Record<string, string> = {
    GO111MODULE: 'on',
    CGO_ENABLED: '0',
    GOFLAGS: '',
    ...moved.buildArguments,
  };
  let folder = context;
  if (environment['GO111MODULE'] === 'off') {
    // Without modules the place decides: $GOPATH/src/handler.
    folder = join(home, '..', 'gopath', 'src', 'handler');
    await cp(context, folder, { recursive: true });
    environment['GOPATH'] = join(home, '..', 'gopath');
  }
  if ((await readdir(folder)).includes('modules-cleanup.sh'))
    await must('sh', ['./modules-cleanup.sh'], folder, environment);
  await must('go', ['test', './...'], join(folder, 'function'), environment);
  await mkdir(join(folder, 'function/static'), { recursive: true });
  await mkdir(home, { recursive: true });
  await must('go', ['build', '--ldflags', '-s -w', '-o', join(home, 'handler'), '.'], folder, environment);
  await cp(join(folder, 'function/static'), join(home, 'static'), { recursive: true });
  return {
    home,
    versions: { go: (await must('go', ['env', 'GOVERSION'], '/')).trim() },
    environment: { fprocess: './handler', upstream_url: 'http://127.0.0.1:8082' },
  };
}
