import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import type { Context, GlobalOptions } from '../../context.ts';
import { Interrupted, UserError } from '../../errors.ts';
import { pause } from '../../local/replicas/pause.ts';
import { beginLog, lastLogLines, logPath } from '../../local/state/log-file.ts';
import { openStateFolder } from '../../local/state/state-folder.ts';
import { detachedVariable, forgetOutcome, isErrorCode, outcomePath, outcomeSchema } from './detached.ts';
import type { UpFacts } from './up-facts.ts';
import type { UpOptions } from './up-options.ts';

/** How long the gateway may take to come up, in milliseconds: it may have to wait ten seconds for another one's lock. */
const bound = 60_000;

/** What is started in the background. */
export interface Detaching {
  readonly options: UpOptions;
  readonly globals: GlobalOptions;
  readonly stateFolder: string;
}

/**
 * Starts `bantam local up` as a process of its own and waits until it is up. Throws what it failed with, under its own code; BAN-E628 if it ended without a
 * word or took too long (then it is ended), `Interrupted` (likewise).
 */
export async function detach({ options, globals, stateFolder }: Detaching, context: Context): Promise<UpFacts> {
  const { environment, folder, packageFolder, signal } = context;
  await openStateFolder(stateFolder);
  await forgetOutcome(stateFolder);
  const log = await beginLog(stateFolder);
  const main = join(packageFolder, 'dist', 'main.js');
  const child = spawn(process.execPath, [main, 'local', 'up', ...argumentsOf(options, globals, folder)], {
    cwd: folder,
    env: { ...environment, [detachedVariable]: '1' },
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  const ended = new Promise<string>((tell) => {
    child.once('error', (error) => tell(error.message));
    child.once('exit', (code, name) => tell(name === null ? `exit code ${code}` : `signal ${name}`));
  });
  await log.close();
  try {
    const facts = await Promise.race([
      untilTold(stateFolder, signal),
      ended.then(async (how) => await explainEnd(stateFolder, how)),
    ]);
    child.unref();
    return { ...facts, log: logPath(stateFolder) };
  } catch (error) {
    child.kill('SIGTERM');
    const killing = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(killing);
    throw error;
  } finally {
    await forgetOutcome(stateFolder);
  }
}

/** The same command line without `--detach`; paths are the parent's. */
function argumentsOf(options: UpOptions, globals: GlobalOptions, folder: string): string[] {
  const { port, username, passwordFile, provider, as, ce, trust, listen, registryQuota } = options;
  const given = (flag: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [`${flag}=${value}`];
  return [
    ...given('--stack', globals.stack === undefined ? undefined : resolve(folder, globals.stack)),
    ...given('--target', globals.target),
    ...given('--port', port),
    ...given('--username', username),
    ...given('--password-file', passwordFile === undefined ? undefined : resolve(folder, passwordFile)),
    ...given('--provider', provider),
    ...given('--as', as),
    ...(ce ? ['--ce'] : []),
    ...(trust ? ['--trust'] : []),
    ...given('--listen', listen),
    ...given('--registry-quota', registryQuota),
  ];
}

/** Looks for the child's outcome until it is there. */
async function untilTold(stateFolder: string, signal: AbortSignal): Promise<UpFacts> {
  const end = performance.now() + bound;
  while (performance.now() < end) {
    if (signal.aborted) throw new Interrupted();
    const told = await readOutcome(stateFolder);
    if (told !== undefined) return told;
    await pause(50, signal);
  }
  throw new UserError('BAN-E628', `the local gateway was not up within ${bound / 1000} s`, {
    hint: `what it said: ${logPath(stateFolder)}`,
    details: await lastLogLines(stateFolder, 10),
  });
}

/** The child ended: what it told, or what its log says. Always throws. */
async function explainEnd(stateFolder: string, how: string): Promise<never> {
  await readOutcome(stateFolder);
  throw new UserError('BAN-E628', `the local gateway ended while it started (${how})`, {
    hint: `what it said: ${logPath(stateFolder)}; on the terminal: bantam local up`,
    details: await lastLogLines(stateFolder, 10),
  });
}

/** Throws the failure that the child tells of; `undefined` while it has told nothing. */
async function readOutcome(stateFolder: string): Promise<UpFacts | undefined> {
  const text = await readFile(outcomePath(stateFolder), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const outcome = v.parse(v.pipe(v.string(), v.parseJson(), outcomeSchema), text);
  if ('facts' in outcome) return outcome.facts;
  const { code, message, hint, details } = outcome.failure;
  if (isErrorCode(code)) throw new UserError(code, message, { hint, details });
  throw new UserError('BAN-E628', `the local gateway did not come up: ${message}`, { hint, details });
}
