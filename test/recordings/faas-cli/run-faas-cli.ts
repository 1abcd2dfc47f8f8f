import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FaasCliRecording, RecordedBuild } from './recording.ts';
import type { RecordingGateway } from './recording-gateway.ts';
import { type StackCase, writeCase } from './stack-case.ts';
import { verdictOf } from './verdict.ts';

/** The real faas-cli: BANTAM_FAAS_CLI, else the one on PATH; undefined if there is none. */
export async function findFaasCli(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const places = (environment['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'faas-cli'));
  for (const place of environment['BANTAM_FAAS_CLI'] ? [environment['BANTAM_FAAS_CLI']] : places) {
    const found = await stat(place).catch(() => undefined);
    if (found?.isFile()) return place;
  }
  return undefined;
}

/** Has the real faas-cli deploy and build a case, in a new folder and with nothing of this machine's environment. */
export async function runFaasCli(
  program: string,
  stackCase: StackCase,
  gateway: RecordingGateway,
): Promise<FaasCliRecording> {
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'bantam-faas-cli-')));
  const project = join(scratch, 'project');
  const log = join(scratch, 'docker.log');
  try {
    await writeCase(stackCase, project);
    gateway.offer(stackCase.files);
    await mkdir(join(scratch, 'bin'));
    const docker = fileURLToPath(new URL('fake-docker.mjs', import.meta.url));
    await writeFile(join(scratch, 'bin', 'docker'), `#!/bin/sh\nexec '${process.execPath}' '${docker}' "$@"\n`, {
      mode: 0o755,
    });
    const run = (command: string, given: readonly string[]) =>
      runProgram(program, [command, ...given], join(project, stackCase.folder), {
        PATH: [join(scratch, 'bin'), process.env['PATH'] ?? ''].join(delimiter),
        HOME: scratch,
        HTTP_PROXY: gateway.proxy,
        HTTPS_PROXY: gateway.proxy,
        FAKE_DOCKER_LOG: log,
        ...stackCase.environment,
      });
    const recording: FaasCliRecording = {};
    if (stackCase.deploy !== undefined) {
      const { exit, output } = await run('deploy', stackCase.deploy);
      recording.deploy = { exit, ...(exit === 0 ? {} : { error: verdictOf(output) }), requests: gateway.take() };
    }
    if (stackCase.build !== undefined) {
      const { exit, output } = await run('build', stackCase.build);
      gateway.take(); // It looks for templates it does not have.
      const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
      const builds = lines.map((line) => steady(JSON.parse(line) as RecordedBuild, join(project, stackCase.folder)));
      recording.build = {
        exit,
        ...(exit === 0 ? {} : { error: verdictOf(output) }),
        builds: builds.sort((left, right) => tagOf(left).localeCompare(tagOf(right))),
      };
    }
    return recording;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Build arguments come in another order each time, and paths are those of a folder that is gone. */
function steady(build: RecordedBuild, project: string): RecordedBuild {
  const pairs: string[][] = [];
  const others: string[] = [];
  for (let at = 0; at < build.arguments.length; at += 1) {
    const word = (build.arguments[at] ?? '').replaceAll(project, '.');
    if (word === '--build-arg' || word === '--secret' || word === '--label')
      pairs.push([word, (build.arguments[++at] ?? '').replaceAll(project, '.')]);
    else others.push(word);
  }
  return {
    ...build,
    arguments: [...others, ...pairs.sort((left, right) => (left.join(' ') < right.join(' ') ? -1 : 1)).flat()],
  };
}

function tagOf(build: RecordedBuild): string {
  return build.arguments[build.arguments.indexOf('--tag') + 1] ?? '';
}

function runProgram(
  program: string,
  given: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ exit: number; output: string }> {
  return new Promise((settle) => {
    const child = execFile(program, given, { cwd, env: environment, timeout: 30_000 }, (_error, stdout, stderr) =>
      settle({ exit: child.exitCode ?? -1, output: `${stdout}\n${stderr}` }),
    );
  });
}
