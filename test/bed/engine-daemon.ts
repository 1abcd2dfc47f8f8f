import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { engineEnvironment, makeClientFolder, networkTools } from './engine.ts';
import { lookAtHost } from './host.ts';
import { endProcess, isAlive, lastLines, poll, startDaemon } from './processes.ts';
import { run, succeeds } from './program.ts';
import { writeState } from './state.ts';
import type { Work } from './work.ts';

const overruling = ['DOCKER_CONTEXT', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH', 'BUILDX_BUILDER'] as const;

/** Starts the unpacked engine, sets DOCKER_HOST and DOCKER_CONFIG of the bed and returns the version. Throws with the end of its log. */
export async function startEngine(work: Work, engine: string): Promise<string> {
  const socket = join(work.run, 'docker.sock');
  if (socket.length > 80)
    throw new Error(`the bed's folder has too long a name for the sockets in it: ${work.run} (set BANTAM_BED_CACHE)`);
  const log = join(work.run, 'dockerd.log');
  const environment = engineEnvironment(engine);
  work.report(
    'starting Docker Engine: adds a bridge and firewall rules for it, switches on forwarding; undone at the end',
  );
  work.state.engine = engine;
  work.state.host ??= await lookAtHost(networkTools(engine));
  work.state.environment = {
    ...work.state.environment,
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: await makeClientFolder(work.run, engine),
    // These would win over DOCKER_HOST or spoil it.
    ...Object.fromEntries(overruling.filter((name) => process.env[name] !== undefined).map((name) => [name, ''])),
  };
  writeState(work.run, work.state);
  const configuration = join(work.run, 'daemon.json');
  await writeFile(configuration, JSON.stringify(await daemonConfiguration(work.run, socket), undefined, 2));
  const mark = await startDaemon(join(engine, 'root/usr/sbin/dockerd'), ['--config-file', configuration], {
    log,
    environment,
  });
  const daemon = { name: 'engine', mark };
  work.state.processes.push(daemon);
  writeState(work.run, work.state);
  const up = async (): Promise<boolean> => (await answers(socket)) || !(await isAlive(mark));
  await poll(up, { timeout: 60_000, signal: work.signal });
  if (!(await answers(socket))) {
    await endProcess(mark, 10_000);
    work.state.processes = work.state.processes.filter((other) => other !== daemon);
    work.state.environment = {};
    throw new Error(`Docker Engine does not come up; the end of its log: ${await lastLines(log)}`);
  }
  const docker = join(engine, 'root/usr/bin/docker');
  return run(docker, ['version', '--format', '{{.Server.Version}}'], {
    environment: work.state.environment,
    signal: work.signal,
  });
}

/** Whether an engine answers on this socket. */
export function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ask = request({ socketPath: socket, path: '/_ping', timeout: 5_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ask.once('timeout', () => ask.destroy());
    ask.once('error', () => resolve(false));
    ask.end();
  });
}

/** Removes containers and networks, which the engine would leave behind when it ends. An engine that does not answer is left to its end. */
export async function emptyEngine(engine: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const docker = join(engine, 'root/usr/bin/docker');
  const containers = await run(docker, ['ps', '-aq'], { environment, timeout: 20_000 }).catch(() => '');
  const ids = containers.split('\n').filter((id) => id !== '');
  if (ids.length > 0)
    await succeeds(docker, ['rm', '--force', '--volumes', '--', ...ids], { environment, timeout: 60_000 });
  await succeeds(docker, ['network', 'prune', '--force'], { environment, timeout: 30_000 });
}

async function daemonConfiguration(runFolder: string, socket: string): Promise<object> {
  return {
    'data-root': join(runFolder, 'data'),
    'exec-root': join(runFolder, 'exec'),
    pidfile: join(runFolder, 'dockerd.pid'),
    hosts: [`unix://${socket}`],
    bip: await freeBridgeAddress(),
    // Otherwise the engine sets the machine's FORWARD chain to DROP for everybody.
    'ip-forward-no-drop': true,
    ip6tables: false,
    'shutdown-timeout': 5,
    features: { 'containerd-snapshotter': true },
  };
}

/** An address for the engine's bridge in a network to which this machine has no route yet. */
async function freeBridgeAddress(): Promise<string> {
  const taken = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
  if (existsSync('/proc/net/route')) {
    for (const line of (await readFile('/proc/net/route', 'utf8')).split('\n').slice(1)) {
      const [, destination] = line.split('\t');
      // Little-endian hexadecimal: 0000A8C0 is 192.168.0.0.
      if (destination !== undefined)
        taken.push(
          (destination.match(/../g) ?? [])
            .reverse()
            .map((byte) => Number.parseInt(byte, 16))
            .join('.'),
        );
    }
  }
  for (let second = 31; second > 17; second -= 1) {
    if (!taken.some((address) => address.startsWith(`172.${second}.`))) return `172.${second}.0.1/24`;
  }
  throw new Error(
    'every network from 172.18 to 172.31 is in use on this machine; none is left for the bridge of the engine',
  );
}
