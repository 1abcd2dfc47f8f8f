/**
 * `npm start [-- --once]`: the main job on this machine, with nothing but Node: starts the local gateway with its registry, builds the
 * repository's functions for three platforms, pushes them there, deploys them, waits until the new code answers, and calls each once.
 * Stays up until Ctrl-C; with --once, or in CI, it ends when the job is done. Exit code 0 only if all of it worked.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { askPageLink } from '../cli/local/page/ask-link.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = `${root}/dist/main.js`;
const say = (text: string): boolean => process.stderr.write(`${text}\n`);

/** What `bantam local up --json` writes once the gateway answers, or why it does not come up. */
const upSchema = v.variant('ok', [
  v.object({ ok: v.literal(true), url: v.string(), state: v.string() }),
  v.object({ ok: v.literal(false), error: v.object({ message: v.string(), hint: v.optional(v.string()) }) }),
]);
/** Of the gateway's record: who may ask it for a link to its page. */
const recordSchema = v.object({ url: v.string(), user: v.string(), password: v.string() });
/** How bantam is called here, where it is not installed. */
const bantam = 'node dist/main.js';

/** The functions of the repository: what has to be there to build them, and how each is called. */
const functions = [
  { name: 'arch-check', needsGo: false, call: (registry: string) => ['--path', `?image=${registry}/arch-check`] },
  { name: 'node-info', needsGo: true, call: () => [] },
] as const;

const argv = process.argv.slice(2);
const unknown = argv.find((word) => word !== '--once');
if (unknown !== undefined) {
  say(`npm start knows no ${unknown}. It takes --once: end when the job is done (npm start -- --once).`);
  process.exit(2);
}
const endsByItself = argv.includes('--once') || Boolean(process.env['CI']);
const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interrupt.abort());

process.exitCode = await runMainJob();

async function runMainJob(): Promise<number> {
  say(`$ bantam local up`);
  // Its own process group: Ctrl-C reaches this program, which stops the gateway when it is done with it.
  const gateway = spawn(process.execPath, [program, 'local', 'up', '--json', '--port', await choosePort()], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = once(gateway, 'exit') as Promise<[number | null]>;
  let asked = false;
  const stop = (): void => {
    // Once: at a second signal it would end without tidying up.
    if (!asked) gateway.kill('SIGINT');
    asked = true;
  };
  try {
    interrupt.signal.addEventListener('abort', stop);
    const up = await outcomeOf(gateway);
    interrupt.signal.removeEventListener('abort', stop);
    if (up?.ok !== true) {
      if (interrupt.signal.aborted) return 130;
      if (up !== undefined) say(`${up.error.message}\n  next: ${up.error.hint ?? ''}`);
      say(`(bantam is not installed here: write ${bantam} instead of bantam)`);
      return (await ended)[0] ?? 1;
    }
    const { code, deployed } = await deployAndCall(new URL(up.url).host);
    if (code !== 0 || interrupt.signal.aborted) return interrupt.signal.aborted ? 130 : code;
    say(`\nThe functions run on this machine, without Docker and without a cluster.`);
    if (endsByItself) say('npm start without --once lets them stay up.');
    else
      say(`  page       ${await pageOf(up)}
  look       ${bantam} local status
  logs       ${bantam} fn logs ${deployed[0]}`);
    say('  your own   README.md, "Install it for your own functions"');
    if (endsByItself) return 0;
    say('They stay up until Ctrl-C; the next start brings them back.');
    await Promise.race([ended, once(interrupt.signal, 'abort')]);
    if (interrupt.signal.aborted) return 0;
    const [status] = await ended;
    say('The gateway was ended from elsewhere.');
    return status === 130 ? 0 : (status ?? 1);
  } finally {
    stop();
    await ended;
  }
}

async function deployAndCall(registry: string): Promise<{ code: number; deployed: readonly string[] }> {
  const environment = {
    ...process.env,
    OPENFAAS_PREFIX: registry,
    OPENFAAS_URL: `http://${registry}`,
    ARCH_CHECK_REGISTRIES: registry,
  };
  const hasGo = await findGo();
  if (interrupt.signal.aborted) return { code: 130, deployed: [] };
  const chosen = functions.filter(({ needsGo }) => hasGo || !needsGo);
  const deployed = chosen.map(({ name }) => name);
  for (const { name } of functions.filter((each) => !chosen.includes(each)))
    say(
      `\n${name} is written in Go, and there is no go command on this machine: left out. Go 1.26 or newer: https://go.dev/dl/`,
    );
  const deploy = ['fn', 'deploy', ...deployed, '--builder', 'assemble'];
  const calls = chosen.map(({ name, call }) => ['fn', 'invoke', name, ...call(registry)]);
  for (const words of [deploy, ['fn', 'list'], ...calls]) {
    say(`\n$ bantam ${words.map((word) => (word.includes('?') ? `'${word}'` : word)).join(' ')}`);
    const code = await run(words, environment);
    if (code !== 0 || interrupt.signal.aborted) return { code, deployed };
    // A terminal gets the end of the line from `fn invoke` itself.
    if (words.includes('invoke') && process.stdout.isTTY !== true) process.stdout.write('\n');
  }
  return { code: 0, deployed };
}

/** Whether there is a go command. */
async function findGo(): Promise<boolean> {
  const child = spawn('go', ['version'], { stdio: 'ignore' });
  return await new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** The port of the README, or a free one if another program has it. */
async function choosePort(): Promise<string> {
  const usual = 8585;
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(usual, '127.0.0.1', () => server.close(() => resolve(true)));
  });
  return free ? String(usual) : '0';
}

/** What became of the start; undefined if the gateway ends without a word. */
async function outcomeOf(gateway: ChildProcess): Promise<v.InferOutput<typeof upSchema> | undefined> {
  let text = '';
  for await (const part of gateway.stdout ?? []) {
    text += String(part);
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), upSchema), text);
    if (parsed.success) return parsed.output;
  }
  return undefined;
}

/** Where the page is; for a person with the key that lets a browser in without the password. */
async function pageOf({ url, state }: { readonly url: string; readonly state: string }): Promise<string> {
  const plain = `${url}/ui/`;
  if (process.stdout.isTTY !== true) return plain;
  const record = v.safeParse(v.pipe(v.string(), v.parseJson(), recordSchema), await readFile(state, 'utf8'));
  return (record.success ? await askPageLink(record.output, interrupt.signal) : undefined) ?? plain;
}

async function run(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, [program, ...words], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const stop = (): boolean => child.kill('SIGINT');
  interrupt.signal.addEventListener('abort', stop, { once: true });
  const [code] = (await once(child, 'exit')) as [number | null];
  interrupt.signal.removeEventListener('abort', stop);
  return code ?? 1;
}
