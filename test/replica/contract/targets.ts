import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { takesConnections } from '../../../cli/replica/contract/bench.ts';
import { openProcessTarget } from '../../../cli/replica/contract/process-target.ts';
import type { Replica, Target } from '../../../cli/replica/contract/target.ts';
import { until } from '../../../cli/replica/contract/wait.ts';
import { bundle, compile, type FunctionFiles, makeContext, run } from '../../templates/build-context.ts';

const handlers = fileURLToPath(new URL('handlers', import.meta.url));

/** The contract handler, built with bantam-ts; `node` is another Node than this one. */
export async function buildForNode(node = process.execPath): Promise<Target> {
  const files = await read('ts', ['handler.ts']);
  const { code, output, root } = await bundle(await makeContext('bantam-ts', files));
  if (code !== 0) throw new Error(`the contract handler cannot be bundled:\n${output}`);
  return openProcessTarget({
    runtime: 'bantam-ts',
    file: node,
    arguments: ['--max-semi-space-size=4', '--enable-source-maps', join(root, 'app/function.mjs')],
  });
}

/** The contract handler, built with bantam-go for this machine. */
export async function buildForGo(): Promise<Target> {
  const files = await read('go', ['go.mod', 'handler.go', 'websocket.go']);
  const { code, output, root } = await compile(await makeContext('bantam-go', files));
  if (code !== 0) throw new Error(`the contract handler does not compile:\n${output}`);
  return openProcessTarget({ runtime: 'bantam-go', file: join(root, 'function'), arguments: [] });
}

async function read(folder: string, names: readonly string[]): Promise<FunctionFiles> {
  const texts = names.map(async (name) => [name, await readFile(join(handlers, folder, name), 'utf8')] as const);
  return Object.fromEntries(await Promise.all(texts));
}

/** of-watchdog's program: the one that BANTAM_OF_WATCHDOG named when the tests began, else of PATH, else undefined. */
export function findWatchdog(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [namedWatchdog, ...folders.map((folder) => join(folder, 'of-watchdog'))].find(isProgram);
}

/** Read when this file is loaded: the tests take the user's own settings out of the environment. */
const namedWatchdog = process.env['BANTAM_OF_WATCHDOG'];

function isProgram(file: string | undefined): file is string {
  if (file === undefined || file === '') return false;
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The port of its metrics, which it cannot be told: only one of them runs at a time. */
const watchdogMetricsPort = 8081;

/** What keeps of-watchdog from running here, as a sentence; undefined if nothing does. */
export async function whyNoWatchdog(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return 'no of-watchdog on PATH, and BANTAM_OF_WATCHDOG names none';
  const server = createServer().listen(watchdogMetricsPort);
  try {
    await once(server, 'listening');
  } catch {
    return `port ${watchdogMetricsPort} is taken, and of-watchdog takes no other for its metrics`;
  } finally {
    server.close();
  }
  return undefined;
}

/** of-watchdog before the contract handler as an HTTP server, as the official Node templates use it. */
export function openWatchdog(file: string): Target {
  const target = openProcessTarget({
    runtime: 'of-watchdog',
    file,
    arguments: [],
    metricsPort: watchdogMetricsPort,
    environment: (port) => ({
      mode: 'http',
      fprocess: `${process.execPath} ${join(handlers, 'of-watchdog/server.mjs')}`,
      handler_port: String(handlerPort(port)),
      http_upstream_url: `http://127.0.0.1:${handlerPort(port)}`,
      prefix_logs: 'false',
    }),
  });
  return {
    runtime: 'of-watchdog',
    // It says that it is ready while the process behind it still starts: cases about anything else wait for that.
    async start(options, signal) {
      const replica = await target.start(options, signal);
      const { port = '', CONTRACT_LOAD = '' } = options.environment ?? {};
      if (port === '' && CONTRACT_LOAD === '') await waitForHandler(replica);
      return replica;
    },
  };
}

/** The process behind it listens beside it: targets take even ports. */
function handlerPort(port: number): number {
  return port + 1;
}

async function waitForHandler(replica: Replica): Promise<void> {
  let ended = false;
  void replica.ended.then(() => {
    ended = true;
  });
  const port = handlerPort(Number(new URL(replica.url).port));
  await until(
    async () => ended || (await takesConnections('127.0.0.1', port)) || undefined,
    'the handler behind of-watchdog listens',
    replica.signal,
  );
}

/** Its own number, of `of-watchdog -version`. */
export async function watchdogVersion(file: string): Promise<string> {
  const { output } = await run(file, ['-version'], { cwd: handlers });
  return /Version: (\S+)/.exec(output)?.[1] ?? 'unknown';
}
