import { basename, dirname, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { Interrupted } from '../errors.ts';
import type { TestedFunction } from './test-function.ts';

/** Editors write a file in several steps: so long after the last one a round begins, milliseconds. */
const settleTime = 40;

/** A new file that a test, an example or an import may have waited for. */
const relevant = /\.(?:[cm]?[jt]sx?|json|go|mod|sum|ya?ml|txt)$/;

/** What watching does and tells. */
export interface Watching {
  readonly names: readonly string[];
  /** Tests one function; ends early when the signal aborts. */
  readonly test: (name: string, first: boolean, signal: AbortSignal) => Promise<TestedFunction>;
  /** Called when a round begins, with the files that have changed (none in the first). */
  readonly onBegin: (names: readonly string[], changed: readonly string[]) => void;
  readonly onRound: (tested: readonly TestedFunction[]) => void;
  readonly signal: AbortSignal;
}

/**
 * Tests the functions, and again those whose files change, until `signal` aborts (Interrupted). Watched are the files that
 * took part in the last round, and the folders they are in for new ones: never a tree, never packages. A change during a
 * round ends it, and the next one begins at once.
 */
export async function watchFunctions(watching: Watching): Promise<never> {
  const { names, test, onBegin, onRound, signal } = watching;
  const known = new Map<string, TestedFunction>();
  const changed = new Set<string>();
  let wake: () => void = () => undefined;
  let round = new AbortController();
  const watcher = openWatcher((path, isFolder) => {
    if (isFolder) adopt(path);
    if (!isInput(path, known)) return;
    changed.add(path);
    round.abort();
    wake();
  });
  // A new folder in one of a function's: tests may come to lie in it. One that comes back is watched anew.
  const adopt = (path: string): void => {
    for (const [name, tested] of known) {
      const { folders } = tested;
      if (!folders.includes(path) && !folders.includes(dirname(path))) continue;
      known.set(name, { ...tested, folders: [...new Set([...folders, path])] });
      watcher.add(path);
    }
  };
  try {
    let due: readonly string[] = names;
    let first = true;
    for (;;) {
      round = new AbortController();
      const files = [...changed];
      changed.clear();
      onBegin(due, files);
      const either = AbortSignal.any([signal, round.signal]);
      const tested = await Promise.all(due.map((name) => test(name, first, either))).catch((thrown: unknown) => {
        if (thrown instanceof Interrupted && !signal.aborted) return undefined;
        throw thrown;
      });
      if (tested !== undefined) {
        first = false;
        for (const [index, one] of tested.entries())
          known.set(due[index] ?? '', keepInputs(one, known.get(due[index] ?? '')));
        const watched = [...known.values()].flatMap(({ inputs, folders }) => [
          ...inputs,
          ...folders,
          // Where a folder that went away comes back: another branch was checked out.
          ...folders.map((folder) => dirname(folder)),
        ]);
        watcher.add([...new Set(watched)]);
        onRound(tested);
      }
      const missed = tested === undefined ? due : [];
      await waitForChange(changed, signal, (resolve) => {
        wake = resolve;
      });
      due = names.filter(
        (name) => missed.includes(name) || [...changed].some((path) => concerns(path, known.get(name))),
      );
    }
  } finally {
    await watcher.close();
  }
}

/** A round that broke early knows less: what the one before knew still counts. Folders are kept in any case: they may be empty yet. */
function keepInputs(one: TestedFunction, before: TestedFunction | undefined): TestedFunction {
  if (before === undefined) return one;
  const folders = [...new Set([...one.folders, ...before.folders])];
  return { ...one, folders, inputs: one.result.ok ? one.inputs : [...new Set([...one.inputs, ...before.inputs])] };
}

function openWatcher(onChange: (path: string, isFolder: boolean) => void): FSWatcher {
  const watcher = watch([], {
    ignoreInitial: true,
    depth: 0,
    ignored: (path) => ['node_modules', '.git', '.bantam', 'coverage'].includes(basename(path)),
  });
  return watcher.on('all', (event, path) => {
    if (event === 'add' || event === 'change' || event === 'unlink') onChange(path, false);
    // The files of a folder that comes back are not told one by one.
    if (event === 'addDir') onChange(path, true);
  });
}

function isInput(path: string, known: ReadonlyMap<string, TestedFunction>): boolean {
  return [...known.values()].some((tested) => concerns(path, tested));
}

function concerns(path: string, tested: TestedFunction | undefined): boolean {
  if (tested === undefined) return false;
  if (tested.inputs.includes(path) || tested.folders.includes(path)) return true;
  return relevant.test(path) && !path.split(sep).includes('node_modules') && tested.folders.includes(dirname(path));
}

/** Resolves once something has changed and nothing more does for a moment. */
async function waitForChange(
  changed: ReadonlySet<string>,
  signal: AbortSignal,
  onWake: (resolve: () => void) => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    // Nothing else keeps the process up between two rounds.
    const keep = setInterval(() => undefined, 60_000);
    const stop = (): void => {
      clearInterval(keep);
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      onWake(() => undefined);
    };
    const abort = (): void => {
      stop();
      reject(new Interrupted());
    };
    const wake = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        stop();
        resolve();
      }, settleTime);
    };
    onWake(wake);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    else if (changed.size > 0) wake();
  });
}
