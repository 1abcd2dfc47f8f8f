import { Interrupted, UserError } from '../../errors.ts';
import type { ContainerEngine, EngineLogLine, PullCredentials } from '../../tools/container-engine.ts';
import { askHealth } from '../replicas/health.ts';
import { newInstanceId, newReplicaName } from '../replicas/names.ts';
import { pause } from '../replicas/pause.ts';

import { functionPort, planContainer } from './container-plan.ts';
import { lastLines } from './container-runs.ts';
import { createContainer } from './create-container.ts';
import { explainEnding } from './start-failure.ts';

/** One image to run as a function's container. */
export interface RunImageOptions {
  readonly engine: ContainerEngine;
  readonly image: string;
  /** `linux/arm/v7`; without it the engine's own. */
  readonly platform?: string | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** For messages and the container's name; default `function`. */
  readonly name?: string | undefined;
  /** How long the start may take until the first health, in milliseconds; default 60 s (emulated programs are slow). */
  readonly startBound?: number | undefined;
  /** Seconds between SIGTERM and SIGKILL at the end; default 10. */
  readonly graceSeconds?: number | undefined;
  readonly limits?: { readonly memory?: string | undefined; readonly cpu?: string | undefined } | undefined;
  readonly credentials?: ((image: string) => Promise<PullCredentials | undefined>) | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly note?: ((text: string) => void) | undefined;
}

/** A running, healthy container of one image. Dispose of it (`await using`) or `close` it. */
export interface RunningImage extends AsyncDisposable {
  /** `http://127.0.0.1:49153`. */
  readonly url: string;
  /** What really runs, where the engine tells, else what was asked for or the engine's own. */
  readonly platform: string;
  logs(
    query: { readonly follow?: boolean; readonly tail?: number },
    signal?: AbortSignal,
  ): AsyncIterable<EngineLogLine>;
  /** SIGTERM and grace; the exit code, once the container has stopped. It is still there for its logs until `close`. */
  stop(): Promise<number>;
  /** Stops and removes it. May be called twice. */
  close(): Promise<void>;
}

/**
 * Runs one image of any platform the engine can run, as a function's container would run (read-only, no capabilities, 127.0.0.1 only), and waits for its health.
 * Throws BAN-E301, E302, E303, E505 (pull), E602 (cannot start, ended at start; with its last lines), E603 (never healthy), `Interrupted`; then nothing of it is left.
 */
export async function runImage(options: RunImageOptions, signal: AbortSignal): Promise<RunningImage> {
  const { engine, image, platform, name = 'function', graceSeconds = 10 } = options;
  const facts = await engine.facts(signal);
  const instance = newInstanceId();
  const replica = newReplicaName(name, instance);
  const plan = planContainer(
    { service: name, image, envVars: options.environment, limits: options.limits },
    { instance, replica, secretFile: (secret) => secret, platform, cpus: facts.cpus },
  );
  const id = await createContainer(engine, plan, { ...options, signal });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= engine.containers.stop(id, graceSeconds).finally(() => engine.containers.remove(id));
    return closed;
  };
  try {
    await engine.containers.start(id, signal);
    const url = await waitForHealth(options, id, { enginePlatform: facts.platform, subject: image }, signal);
    const state = await engine.containers.inspect(id, signal);
    return {
      url,
      platform: state?.platform ?? platform ?? facts.platform,
      logs: (query, logSignal) => engine.containers.logs(id, query, logSignal),
      async stop() {
        await engine.containers.stop(id, graceSeconds);
        return (await engine.containers.inspect(id))?.exitCode ?? 0;
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await engine.containers.remove(id);
    throw error;
  }
}

async function waitForHealth(
  { engine, platform, startBound = 60_000 }: RunImageOptions,
  id: string,
  { enginePlatform, subject }: { enginePlatform: string; subject: string },
  signal: AbortSignal,
): Promise<string> {
  const deadline = performance.now() + startBound;
  let reason = 'nothing was asked yet';
  while (performance.now() < deadline) {
    if (signal.aborted) throw new Interrupted();
    const state = await engine.containers.inspect(id, signal);
    if (state === undefined)
      throw new UserError('BAN-E602', `the container of ${subject} was removed by somebody else`);
    if (!state.running)
      throw explainEnding({ subject, state, lines: await lastLines(engine, id, signal), platform, enginePlatform });
    if (state.hostPort !== undefined) {
      const url = `http://127.0.0.1:${state.hostPort}`;
      const health = await askHealth(url, 2000, signal);
      if (health.healthy) return url;
      reason = health.reason;
    }
    await pause(100, signal);
  }
  if (signal.aborted) throw new Interrupted();
  throw new UserError(
    'BAN-E603',
    `${subject} was not healthy within ${startBound / 1000} s: GET /_/health on port ${functionPort}: ${reason}`,
    {
      hint: 'a function must listen on port 8080 and answer /_/health',
      details: await lastLines(engine, id, signal),
    },
  );
}
