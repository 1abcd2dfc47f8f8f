// Records what the functions answer under the official templates: `npm run record:moved [-- NAME…]`. Those are other
// people's work and not part of this repository: OPENFAAS_TEMPLATES and GOLANG_HTTP_TEMPLATE name folders with a copy
// of openfaas/templates and openfaas/golang-http-template, OF_WATCHDOG the program, RECORDED_FROM the commits of all three.
// Ports 8081 and 8082 have to be free.
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, ask, type Call } from './answer.ts';
import { calls } from './calls.ts';
import { type Inside, startInside } from './inside.ts';
import { type MovedFunction, readFunctions } from './moved-function.ts';
import { buildOfficially, type Official, type OfficialTree } from './official.ts';
import { type Recording, recordingOf } from './recording.ts';
import { secrets } from './secrets.ts';
import { startStation } from './station.ts';

function folderOf(variable: string): string {
  const value = process.env[variable];
  if (value === undefined) throw new Error(`${variable} is needed: see the head of test/moved/record.ts`);
  return value;
}

const official: Official = {
  node: folderOf('OPENFAAS_TEMPLATES'),
  go: folderOf('GOLANG_HTTP_TEMPLATE'),
  watchdog: folderOf('OF_WATCHDOG'),
};
const port = String(4000 + (process.pid % 1000));
const url = `http://127.0.0.1:${port}`;

async function start(moved: MovedFunction, tree: OfficialTree, station: string): Promise<Inside> {
  const wanted = Object.fromEntries(moved.secrets.map((name) => [name, secrets[name] ?? '']));
  const inside = await startInside({
    mounts: { '/home/app': tree.home, '/fwatchdog': official.watchdog },
    secrets: wanted,
    command: ['/fwatchdog'],
    workingDirectory: '/home/app',
    environment: { ...tree.environment, mode: 'http', port, weather_url: station, ...moved.environment },
  });
  // It says that it is healthy before the handler listens, so that is asked for, by a connection that calls nothing.
  const inner = Number(new URL(tree.environment['upstream_url'] ?? '').port);
  for (let tries = 0; tries < 100 && inside.child.exitCode === null; tries++) {
    if ((await isOpen(inner)) && (await isOpen(Number(port)))) return inside;
    await delay(100);
  }
  await inside[Symbol.asyncDispose]();
  throw new Error(`${moved.name} does not start:\n${inside.output()}`);
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return await once(socket, 'connect').then(
    () => socket.destroy().destroyed,
    () => false,
  );
}

async function record(moved: MovedFunction): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'bantam-official-'));
  await using station = await startStation();
  let inside: Inside | undefined;
  try {
    const tree = await buildOfficially(official, moved, work);
    const answers: Recording['answers'] = {};
    for (const call of calls[moved.name] ?? []) {
      if (inside !== undefined && inside.child.exitCode !== null) {
        await inside[Symbol.asyncDispose]();
        inside = undefined;
      }
      inside ??= await start(moved, tree, station.url);
      const answer = await askOrFail(call);
      await delay(150); // for a process that dies of what it just did
      answers[call.title] = { ...copy(answer), ...(inside.child.exitCode === null ? {} : { ended: true }) };
    }
    const versions = { ...tree.versions, sources: process.env['RECORDED_FROM'] ?? 'unknown' };
    const recording: Recording = { lang: moved.lang, versions, answers };
    await mkdir(dirname(recordingOf(moved.name)), { recursive: true });
    await writeFile(recordingOf(moved.name), `${JSON.stringify(recording, undefined, 2)}\n`);
    const ended = Object.values(answers).filter((answer) => answer.ended === true).length;
    process.stdout.write(`${moved.name}: ${Object.keys(answers).length} answers, the process ended ${ended} times\n`);
  } finally {
    await inside?.[Symbol.asyncDispose]();
    await rm(work, { recursive: true, force: true });
  }
}

async function askOrFail(call: Call): Promise<Answer> {
  return await ask(url, call).catch((error: Error): Answer => ({ status: 0, headers: {}, body: error.message }));
}

function copy(answer: Answer): Recording['answers'][string] {
  const headers = Object.entries(answer.headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : [...value],
  ]);
  return { ...answer, headers: Object.fromEntries(headers) };
}

const names = process.argv.slice(2);
for (const moved of readFunctions()) if (names.length === 0 || names.includes(moved.name)) await record(moved);
