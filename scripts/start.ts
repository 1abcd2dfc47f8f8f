/**
 * `npm start`: the main job with everything it needs. Opens the bed (the machine's own Docker if there is one), starts the
 * local gateway, builds the repository's functions for three platforms, pushes, deploys, calls them. On a terminal it
 * stays up until Ctrl-C; in a pipe it ends when the job is done. Exit code 0 only if all of it worked.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { needs, openBed } from '../test/bed/bed.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = `${root}/dist/main.js`;
const say = (text: string): boolean => process.stderr.write(`${text}\n`);

/** What is run, and its standard input. */
const job: readonly (readonly [readonly string[], string])[] = [
  [['fn', 'deploy'], ''],
  [['fn', 'list'], ''],
  [['fn', 'invoke', 'node-info'], ''],
];

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupt.abort());

const bed = await openBed({ report: say, signal: interrupt.signal });
let exitCode = 1;
try {
  const missing = needs(bed, 'engine', 'buildx', 'registry', 'bases');
  if (missing === undefined)
    exitCode = await runMainJob({ ...process.env, ...bed.environment, OPENFAAS_PREFIX: bed.registry });
  else
    say(
      `npm start needs Docker with buildx, and a registry:\n  ${missing}\nInstall Docker Engine 28 or newer, or run it as root on Debian: then it brings its own.`,
    );
} finally {
  await bed[Symbol.asyncDispose]();
}
process.exit(exitCode);

async function runMainJob(environment: NodeJS.ProcessEnv): Promise<number> {
  const local = spawn(process.execPath, [program, 'local', 'up', '--port', String(await choosePort())], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'inherit', 'pipe'],
    detached: true,
  });
  const ended = once(local, 'exit');
  const stop = (): boolean => local.kill('SIGINT');
  interrupt.signal.addEventListener('abort', stop);
  try {
    if (!(await isUp(local.stderr))) return 1;
    for (const [argv, input] of job) {
      say(`\n$ ${input === '' ? '' : `echo '${input}' | `}bantam ${argv.join(' ')}`);
      const code = await run(argv, input, environment);
      if (code !== 0) return code;
      process.stdout.write('\n');
    }
    if (process.stdout.isTTY === true && !process.env['CI']) {
      say('\nThe gateway stays up. In another terminal: `node dist/main.js fn list`. Ctrl-C stops it.');
      await ended;
    }
    return 0;
  } finally {
    stop();
    await ended;
  }
}

/** The port of the README, or a free one if another program has it. */
async function choosePort(): Promise<number> {
  const usual = 8585;
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(usual, '127.0.0.1', () => server.close(() => resolve(true)));
  });
  return free ? usual : 0;
}

/** Passes the gateway's story on; true once it says that it is up, false if it ends before. */
async function isUp(story: NodeJS.ReadableStream): Promise<boolean> {
  return await new Promise((resolve) => {
    let text = '';
    story.setEncoding('utf8');
    story.on('data', (part: string) => {
      process.stderr.write(part);
      text += part;
      if (text.includes('Ctrl-C stops it')) resolve(true);
    });
    story.on('end', () => resolve(false));
  });
}

async function run(argv: readonly string[], input: string, environment: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, [program, ...argv], {
    cwd: root,
    env: environment,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.end(input);
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
