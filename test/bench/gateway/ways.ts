import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onCore } from '../runtime/machine.ts';
import { isFree } from '../runtime/subject.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The ways to the same replica that are measured. */
export const wayNames = ['direct', 'bantam', 'peer'] as const;
export type WayName = (typeof wayNames)[number];

/** One way to the replica, as a URL that can be loaded, and the process that it goes through (the replica's own for the direct one). */
export interface Way {
  readonly name: WayName;
  readonly url: string;
  readonly pid: number;
}

/** A gateway as a process. Disposing of it ends it. */
export interface StartedWay extends Way, AsyncDisposable {}

/** What a gateway is put in front of, and where it runs. */
export interface WayOptions {
  /** `http://127.0.0.1:20001`. */
  readonly replica: string;
  /** Path and query that the function answers. */
  readonly path: string;
  readonly core: number | undefined;
  readonly signal: AbortSignal;
}

/** Starts the embedded gateway as a process. */
export async function startBantam({ replica, path, core, signal }: WayOptions): Promise<StartedWay> {
  const argv = ['--import', 'tsx', join(root, 'test/bench/gateway/gateway-process.ts'), replica];
  const child = spawn(...onCore(core, process.execPath, argv), { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit').then(() => {
    throw new Error('the gateway ended before it listened');
  });
  const [port] = await Promise.race([once(createInterface(child.stdout), 'line', { signal }), ended]);
  ended.catch(() => undefined);
  return startedWay('bantam', `http://127.0.0.1:${port}/function/fn${path}`, child);
}

/** The ports that the OpenFaaS gateway always takes: its own and that of its metrics. */
const peerPorts = [8080, 8082];

/**
 * Starts the OpenFaaS gateway that `program` names. Its provider is the replica itself, which answers any path: so one hop is measured, without the second
 * one that a real provider adds. Throws if its ports are taken.
 */
export async function startPeer(program: string, { replica, path, core, signal }: WayOptions): Promise<StartedWay> {
  for (const port of peerPorts)
    if (!(await isFree(port))) throw new Error(`it always takes port ${port}, which is not free (see docs/bench.md)`);
  const environment = {
    functions_provider_url: `${replica}/`,
    function_namespace: 'openfaas-fn',
    basic_auth: 'false',
    scale_from_zero: 'false',
    direct_functions: 'false',
    read_timeout: '60s',
    write_timeout: '60s',
    upstream_timeout: '55s',
    max_idle_conns: '1024',
    max_idle_conns_per_host: '1024',
    GOMAXPROCS: '1',
  };
  const child = spawn(...onCore(core, program, []), {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'], ...environment },
  });
  const url = `http://127.0.0.1:${peerPorts[0]}/function/fn${path}`;
  const way = startedWay('peer', url, child);
  try {
    for (const end = performance.now() + 20_000; performance.now() < end; ) {
      signal.throwIfAborted();
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      const answer = await fetch(url, { signal }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status === 200) return way;
      await sleep(50);
    }
    throw new Error(`${program} did not answer within 20 s`);
  } catch (error) {
    await way[Symbol.asyncDispose]();
    throw error;
  }
}

function startedWay(name: WayName, url: string, child: ChildProcess): StartedWay {
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} has no process number`);
  return {
    name,
    url,
    pid,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
