import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import type { FunctionTree } from '../build/assemble/function-tree.ts';
import { Interrupted, type Place, UserError } from '../errors.ts';
import { openBench } from '../replica/contract/bench.ts';
import type { Runtime } from '../replica/contract/contract-case.ts';
import { Unkept } from '../replica/contract/expectation.ts';
import { openProcessTarget } from '../replica/contract/process-target.ts';
import { type Replica, type Target, TargetFailure } from '../replica/contract/target.ts';
import type { PreparedFunction } from './built-function.ts';
import type { Hide } from './hidden-secrets.ts';
import { placesOfStack } from './unit/stack-places.ts';

/** What a replica is started with. */
export interface StartSettings {
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Settings of the runtime that choose where it listens: the tests do. */
const ours = new Set(['port', 'metrics_port', 'BANTAM_HOST', 'secret_mount_path']);

/** Starts processes of a function from its tree, with `environment` besides what a start asks for. */
export function openFunctionTarget(
  prepared: PreparedFunction,
  tree: FunctionTree,
  environment: Readonly<Record<string, string>>,
): Target {
  const [file = '', ...words] = tree.entrypoint;
  const all = { ...tree.environment, ...environment };
  const given = Object.fromEntries(Object.entries(all).filter(([name]) => !ours.has(name)));
  const runtime: Runtime = prepared.description.kind === 'bundle' ? 'bantam-ts' : 'bantam-go';
  return openProcessTarget({ runtime, file, arguments: words, cwd: tree.workingDirectory, environment: () => given });
}

/** Starts one replica and waits until it is ready. Throws BAN-E644 with the last lines that it wrote; it ends when `signal` aborts. */
export async function startFunction(
  target: Target,
  prepared: PreparedFunction,
  { environment, secrets }: StartSettings,
  hide: Hide,
  signal: AbortSignal,
): Promise<Replica> {
  const given = Object.fromEntries(Object.entries(environment).filter(([name]) => !ours.has(name)));
  let replica: Replica | undefined;
  const watched: Target = {
    runtime: target.runtime,
    async start(options, life) {
      replica = await target.start(options, life);
      return replica;
    },
  };
  try {
    return await openBench(watched, signal).ready({
      environment: { BANTAM_REVISION: 'test', BANTAM_DEPLOY: 'test', ...given },
      ...(Object.keys(secrets).length === 0 ? {} : { secrets }),
    });
  } catch (thrown) {
    if (signal.aborted) throw new Interrupted();
    if (!(thrown instanceof Unkept) && !(thrown instanceof TargetFailure)) throw thrown;
    throw await explainStart(prepared, replica, thrown, hide);
  }
}

/** Says why a replica did not become ready: its handler could not be loaded, it ended, or neither happened in time. */
async function explainStart(
  prepared: PreparedFunction,
  replica: Replica | undefined,
  thrown: Error,
  hide: Hide,
): Promise<UserError> {
  const { name, handler } = prepared;
  // A replica that has ended says so at once; one that has not is ended here.
  const ended =
    replica === undefined ? undefined : await Promise.race([replica.ended.catch(() => undefined), afterTurn()]);
  await replica?.end();
  const lines = (replica?.output.lines() ?? []).flatMap((line) => unfold(userPaths(line, prepared)));
  const reason = lines
    .map((line) => /the handler could not be loaded: (.*)$/.exec(line)?.[1])
    .find((found) => found !== undefined);
  const what =
    reason !== undefined
      ? `its handler could not be loaded: ${reason}`
      : replica === undefined
        ? thrown.message
        : ended === undefined
          ? 'it did not become ready within 20 s: its handler has not finished loading'
          : `it ended with ${ended.code ?? ended.signal} before it was ready`;
  const places: readonly Place[] = placesOfStack(lines.join('\n'), handler)
    .slice(0, 1)
    .map((place) => ({ ...place, message: hide(what) }));
  const stuck = reason === undefined && ended === undefined;
  return new UserError('BAN-E644', hide(`${name}: the function does not start: ${what}`), {
    details: lines.slice(-15).map((line) => `log ${hide(line)}`),
    places,
    hint: stuck
      ? 'what stands outside of the handler runs first: look there for a loop, or for a wait without an end'
      : 'what stands outside of the handler runs first; what it needs comes from environment: of the stack file, and from files in tests/secrets/',
  });
}

async function afterTurn(): Promise<undefined> {
  await new Promise((resolve) => setTimeout(resolve, 100));
}

/** The runtime writes an error with its stack as one line: of that the user's own lines, each by itself. */
function unfold(line: string): readonly string[] {
  const [first = '', ...frames] = line.split(' | at ');
  return [
    first,
    ...frames
      .filter((frame) => !/\/runtime\/|node:internal|\/app\/function\.mjs/.test(frame))
      .map((frame) => `    at ${frame}`),
  ];
}

/** Paths of the tree and the context as the user knows them. */
export function userPaths(text: string, { context, inContext, root, handler }: PreparedFunction): string {
  return text
    .replaceAll(join(context, inContext), handler)
    .replaceAll(join(root, 'function'), handler)
    .replaceAll(join(root, 'home/app', inContext), handler);
}

/** A signal of its own, which ends with the outer one; `end` ends what was started with it. */
export function ownLife(signal: AbortSignal): { readonly signal: AbortSignal; end(): void } {
  const life = new AbortController();
  const either = AbortSignal.any([signal, life.signal]);
  setMaxListeners(0, either);
  return { signal: either, end: () => life.abort(new Unkept('the test is over')) };
}
