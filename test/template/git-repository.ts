import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a commit has at a path: a file, an executable one, a link, or a submodule. */
export type Entry = string | Uint8Array | { readonly run: string } | { readonly link: string } | 'submodule';

/** A bare repository of git's own making. */
export interface TestRepository extends AsyncDisposable {
  readonly path: string;
  /** Makes a commit whose whole content is this, on a branch; returns its id. */
  commit(files: Readonly<Record<string, Entry>>, branch?: string): string;
  git(...gitArguments: readonly string[]): string;
}

/** git without the settings of whoever runs the tests. */
const environment = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.org',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.org',
};

/** Makes a repository in a temporary folder. */
export async function makeRepository(files?: Readonly<Record<string, Entry>>): Promise<TestRepository> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'bantam-test-git-')));
  const git = (...gitArguments: readonly string[]): string =>
    execFileSync('git', [...gitArguments], { cwd: path, env: environment, encoding: 'utf8', stdio: 'pipe' }).trim();
  git('init', '--quiet', '--bare', '-b', 'main', '.');
  let time = 1_700_000_000;
  const repository: TestRepository = {
    path,
    git,
    commit(content, branch = 'main') {
      time += 1;
      const parts: (string | Uint8Array)[] = [
        `commit refs/heads/${branch}\ncommitter Test <test@example.org> ${time} +0000\ndata 4\ntest\n`,
        hasBranch(git, branch) ? `from refs/heads/${branch}^0\n` : '',
        'deleteall\n',
      ];
      for (const [name, entry] of Object.entries(content)) parts.push(...describe(name, entry));
      const input = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
      const result = spawnSync('git', ['fast-import', '--quiet', '--force'], { cwd: path, env: environment, input });
      if (result.status !== 0) throw new Error(`fast-import: ${result.stderr.toString()}`);
      return git('rev-parse', `refs/heads/${branch}`);
    },
    [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }),
  };
  if (files !== undefined) repository.commit(files);
  return repository;
}

function hasBranch(git: TestRepository['git'], branch: string): boolean {
  return git('branch', '--list', branch) !== '';
}

function describe(name: string, entry: Entry): (string | Uint8Array)[] {
  const quoted = `"${name.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
  if (entry === 'submodule') return [`M 160000 ${'1'.repeat(40)} ${quoted}\n`];
  const [mode, content] =
    typeof entry === 'string' || entry instanceof Uint8Array
      ? ['100644', Buffer.from(entry)]
      : 'run' in entry
        ? ['100755', Buffer.from(entry.run)]
        : ['120000', Buffer.from(entry.link)];
  return [`M ${mode} inline ${quoted}\ndata ${content.length}\n`, content, '\n'];
}

/** A template of three files. */
export function templateFiles(name: string, text = 'hello', folder = `template/${name}`): Record<string, Entry> {
  return {
    [`${folder}/template.yml`]: `language: ${name}\nfprocess: sh\nwelcome_message: Welcome to ${name}.\n`,
    [`${folder}/Dockerfile`]: `FROM scratch\nCOPY function/ /\n# ${text}\n`,
    [`${folder}/function/handler.txt`]: `${text}\n`,
  };
}

/** A repository over HTTP, as hosts serve it; with `login`, for those who say it alone. */
export interface GitServer extends AsyncDisposable {
  readonly url: string;
  /** `user:password` of the requests that came with one. */
  readonly logins: readonly string[];
  readonly requests: readonly string[];
}

/** Serves a bare repository on a free port of loopback through git http-backend. */
export async function serveRepository(
  repository: TestRepository,
  { login, silent = false }: { readonly login?: string; readonly silent?: boolean } = {},
): Promise<GitServer> {
  const logins: string[] = [];
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    requests.push(`${request.method} ${url.pathname}`);
    if (silent) return; // Somebody who takes connections and never answers.
    const sent = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    if (sent !== '') logins.push(sent);
    if (login !== undefined && sent !== login) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('no');
      return;
    }
    const child = execFile('git', ['http-backend'], {
      encoding: 'buffer',
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...environment,
        GIT_PROJECT_ROOT: repository.path,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: url.pathname.replace(/^\/templates\.git/, ''),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
    });
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', () => {
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf('\r\n\r\n');
      const heads = answer
        .subarray(0, end)
        .toString()
        .split('\r\n')
        .map((line) => line.split(': ', 2) as [string, string]);
      const status = heads.find(([name]) => name.toLowerCase() === 'status');
      response.writeHead(
        Number.parseInt(status?.[1] ?? '200', 10),
        Object.fromEntries(heads.filter(([name]) => name.toLowerCase() !== 'status')),
      );
      response.end(answer.subarray(end + 4));
    });
    child.stdin?.on('error', () => undefined);
    if (child.stdin !== null) request.pipe(child.stdin);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/templates.git`,
    logins,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
