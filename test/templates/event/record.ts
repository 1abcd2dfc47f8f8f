// Records what an official Node template answers to every case. It runs that template's own index.js from a folder outside
// of this repository, with its packages installed there:
//
//   tsx test/templates/event/record.ts FOLDER OUTPUT.json NAME
//
// Only the answers and the versions are kept.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type EventCase, eventCases } from './cases.ts';
import { type EventAnswer, exchange } from './exchange.ts';

const [folder = '.', output = 'recording.json', template = ''] = process.argv.slice(2);

interface Recorded {
  readonly answer: EventAnswer | 'no answer';
  /** Whether the process was gone afterwards. */
  readonly ended?: true;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function startOfficial(port: number, environment: EventCase['environment']): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['index.js'], {
    cwd: resolve(folder),
    // In production the error pages hold no stack, and so no path of this machine.
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...environment, http_port: String(port) },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const line of createInterface({ input: child.stdout })) if (/listening/.test(line)) break;
  return child;
}

async function record({ handler, environment, request }: EventCase): Promise<Recorded> {
  await mkdir(join(folder, 'function'), { recursive: true });
  await writeFile(join(folder, 'function/handler.js'), handler);
  const port = await freePort();
  const child = await startOfficial(port, environment);
  const answer = await exchange(port, request);
  // A handler may do harm 20 ms later; only a second exchange tells that the process lives.
  await new Promise((done) => setTimeout(done, 60));
  const ended = child.exitCode !== null || (await exchange(port, { method: 'OPTIONS' })) === 'no answer';
  const closed = child.exitCode === null ? once(child, 'exit') : undefined;
  child.kill('SIGKILL');
  await closed;
  return { answer, ...(child.exitCode !== null && ended ? { ended: true as const } : {}) };
}

async function versionOf(name: string): Promise<string> {
  return JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

const cases: Record<string, Recorded> = {};
for (const each of eventCases) {
  if (each.name in cases) throw new Error(`two cases are named ${each.name}`);
  cases[each.name] = await record(each);
}
const versions = {
  template,
  node: process.versions.node,
  express: await versionOf('express'),
  'body-parser': await versionOf('body-parser'),
};
await writeFile(output, `${JSON.stringify({ versions, cases }, null, 2)}\n`);
