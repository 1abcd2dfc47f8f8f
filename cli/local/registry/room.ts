import type { Report } from '../../events.ts';
import { Refusal } from './refusal.ts';
import type { RegistryStore } from './store.ts';
import type { Uploads } from './uploads.ts';

/** What a garbage collection removed. */
export interface Collected {
  readonly blobs: number;
  readonly bytes: number;
  readonly uploads: number;
  /** Images that no tag led to; removed only when there was no room left. */
  readonly manifests: number;
}

/** What {@link createRoom} needs. */
export interface RoomOptions {
  readonly quotaBytes: number | undefined;
  /** How long a push may be silent without being given up, in milliseconds. */
  readonly grace: number;
  readonly inUse: (() => Iterable<string>) | undefined;
  readonly report: Report;
  /** They do not exist yet when they are given the bounds. */
  readonly parts: () => { readonly store: RegistryStore; readonly uploads: Uploads };
}

/** The room in the folder: how much is left, and what is thrown away for more. */
export interface Room {
  left(): number;
  makeRoom(wanted: number): Promise<void>;
  collect(): Promise<Collected>;
}

/** Makes the rules of quota and garbage collection. One collection at a time; who asks meanwhile gets the result of that one. */
export function createRoom({ quotaBytes, grace, inUse, report, parts }: RoomOptions): Room {
  const used = (): number => {
    const { store, uploads } = parts();
    return store.blobs.bytes + uploads.bytes;
  };
  const left = (): number => (quotaBytes === undefined ? Number.POSITIVE_INFINITY : quotaBytes - used());

  const sweep = async (pressed: boolean): Promise<Collected> => {
    const { store, uploads } = parts();
    const before = { bytes: used(), blobs: store.blobs.count };
    const ended = await uploads.endAbandoned(grace);
    await store.sweep(grace, (repository) => uploads.concerns(repository), pressed);
    await store.compactIfLong();
    return {
      blobs: Math.max(0, before.blobs - store.blobs.count),
      bytes: Math.max(0, before.bytes - used()),
      uploads: ended,
      manifests: 0,
    };
  };

  /** Images that a newer one took the tag from make room, oldest first, unless a function runs one of them. */
  const evict = async (wanted: number): Promise<void> => {
    const { store } = parts();
    let images = 0;
    const before = used();
    // Without knowing what runs nothing can be said to be old.
    while (inUse !== undefined && left() < wanted) {
      // Looked for each time anew: meanwhile one may have got a tag, or run.
      const [oldest] = store.untagged(grace, new Set(inUse()));
      if (oldest === undefined) break;
      await store.removeManifest(oldest.repository, oldest.digest);
      await sweep(true);
      images += 1;
    }
    if (images > 0)
      report({
        type: 'note',
        text: `the local registry was full: removed ${images} old manifest(s) without a tag, ${describeBytes(before - used())}`,
      });
  };

  const alone = oneAtATime();
  return {
    left,
    collect: () => alone('collect', () => sweep(false)),
    async makeRoom(wanted) {
      // What can never fit is not worth throwing anything away.
      if (quotaBytes !== undefined && wanted <= quotaBytes) {
        await alone('press', () => sweep(true));
        if (left() < wanted) await alone('evict', () => evict(wanted));
      }
      if (left() < wanted) throw refuse(quotaBytes ?? 0, Math.max(0, left()));
    },
  };
}

function refuse(quota: number, left: number): Refusal {
  return new Refusal(
    413,
    'DENIED',
    `the local registry is full: this does not fit into the ${describeBytes(left)} that are left of its ${describeBytes(quota)}; ` +
      'give it more with `bantam local up --registry-quota SIZE`, or begin anew: `bantam local down`, remove the folder .bantam/registry, and deploy again what you need',
  );
}

/** Work of a name that is asked for while it runs is not begun twice. */
function oneAtATime(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<unknown>>();
  return <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const known = running.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const started = work().finally(() => running.delete(name));
    running.set(name, started);
    return started;
  };
}

function describeBytes(bytes: number): string {
  for (const [unit, name] of [
    [1 << 30, 'GiB'],
    [1 << 20, 'MiB'],
    [1 << 10, 'KiB'],
  ] as const)
    if (bytes >= unit) return `${(bytes / unit).toFixed(1)} ${name}`;
  return `${bytes} bytes`;
}
