import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { restoreHandlers } from './emulation.ts';
import { networkTools } from './engine.ts';
import { answers, emptyEngine } from './engine-daemon.ts';
import { restoreHost } from './host.ts';
import { endProcess, findStrays, isAlive } from './processes.ts';
import { run as runProgram } from './program.ts';
import { registryAnswers } from './registry.ts';
import { bootId, type State } from './state.ts';

/** Whether everything that the bed started still runs and answers. */
export async function isWell(run: string, state: State): Promise<boolean> {
  for (const { mark } of state.processes) if (!(await isAlive(mark))) return false;
  if (state.environment['DOCKER_HOST'] !== undefined && !(await answers(join(run, 'docker.sock')))) return false;
  for (const address of [state.registry, state.basesRegistry])
    if (address !== undefined && !(await registryAnswers(address))) return false;
  return true;
}

/**
 * Stops a bed and takes back what it changed on the machine. Also for one whose opener was killed, however far it came (`state` undefined:
 * its record is lost). Each step is tried even when one before it failed; the failures are thrown together.
 */
export async function stopBed(run: string, state: State | undefined, report: (line: string) => void): Promise<void> {
  if (!existsSync(run)) return;
  const failures: unknown[] = [];
  const attempt = async (step: () => Promise<void>): Promise<void> => {
    await step().catch((error: unknown) => failures.push(error));
  };
  if (state?.boot === (await bootId())) {
    report('stopping the bed');
    const { engine, host } = state;
    if (engine !== undefined && (await answers(join(run, 'docker.sock'))))
      await attempt(() => emptyEngine(engine, state.environment));
    for (const { mark } of [...state.processes].reverse()) await attempt(() => endProcess(mark, 20_000));
    await attempt(() => endStrays(run));
    await attempt(() => unmountBelow(run));
    if (engine !== undefined && host !== undefined) await attempt(() => restoreHost(host, networkTools(engine)));
    await attempt(() => restoreHandlers(state));
  } else {
    await attempt(() => endStrays(run));
    await attempt(() => unmountBelow(run));
  }
  if (failures.length > 0)
    throw new AggregateError(
      failures,
      `the bed in ${run} could not be stopped cleanly: ${failures.map(String).join('; ')}`,
    );
  await rm(run, { recursive: true, force: true, maxRetries: 5 });
}

async function endStrays(run: string): Promise<void> {
  for (const mark of await findStrays(cacheFolder(), run)) await endProcess(mark, 2_000);
}

/** Unmounts what the engine left mounted, the latest first. */
async function unmountBelow(run: string): Promise<void> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const points = mounts
    .split('\n')
    // Spaces are written as \040 (proc(5)).
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_whole, code: string) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      ),
    )
    .filter((point) => point.startsWith(`${run}/`));
  for (const point of points.reverse()) await runProgram('umount', ['--lazy', point]);
}
