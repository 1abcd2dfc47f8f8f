import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { systemCode, UserError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import { createAccess } from './access.ts';
import { createAnswerer } from './answer.ts';
import { type Collected, createRoom } from './room.ts';
import { RegistryStore } from './store.ts';
import { Uploads } from './uploads.ts';

/** What {@link openEmbeddedRegistry} needs. Times in milliseconds. */
export interface EmbeddedRegistryOptions {
  /** Holds blobs, journal and uploads; made if missing. One process at a time. */
  readonly folder: string;
  /** Bytes that blobs, manifests and uploads may take together; undefined: what the disk gives. */
  readonly quotaBytes?: number | undefined;
  /** Whether a request may write: decided from its connection (loopback) or its `Authorization: Basic`. Asked before a byte of the body is read; reading is open. */
  readonly mayWrite: (incoming: IncomingMessage) => boolean;
  /** Digests of images that functions run now. With it, a full registry removes the oldest images without a tag, but never these. */
  readonly inUse?: (() => Iterable<string>) | undefined;
  readonly report: Report;
  /** How long a push may be silent without being given up; an hour if not given. */
  readonly grace?: number | undefined;
  /** Longest silence of a client within a body, in either direction; two minutes if not given. */
  readonly silence?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** What the registry holds. Bytes as stored, each content counted once however many repositories share it. */
export interface RegistryUsage {
  readonly repositories: number;
  /** Contents: configurations, layers and manifests. */
  readonly blobs: number;
  /** All of them, and unfinished uploads. */
  readonly bytes: number;
  /** Of those: in uploads that are not finished. */
  readonly uploadBytes: number;
  readonly quotaBytes: number | undefined;
}

/** A registry of the distribution API (OCI distribution-spec 1.1) on a folder, to be hung into a node:http server. */
export interface EmbeddedRegistry {
  /** Answers all below `/v2/`. Never throws. */
  handler(incoming: IncomingMessage, outgoing: ServerResponse): void;
  usage(): RegistryUsage;
  /** Removes blobs that no manifest refers to and uploads that nobody goes on with, both after the grace. Safe at any moment; done every ten minutes by itself. */
  collectGarbage(): Promise<Collected>;
  /** Breaks off running requests and leaves the folder whole. */
  close(): Promise<void>;
}

const hour = 3_600_000;
const collectEvery = hour / 6;

/** Opens the registry of a folder and puts right what a crash left in it. Throws BAN-E635 when the folder cannot be used. */
export async function openEmbeddedRegistry(options: EmbeddedRegistryOptions): Promise<EmbeddedRegistry> {
  const { folder, quotaBytes, mayWrite, inUse, report } = options;
  const { grace = hour, silence = 120_000, now = Date.now } = options;
  const opened = await openFolder(options, now, () => room, silence);
  const { store, uploads } = opened;
  const room = createRoom({ quotaBytes, grace, inUse, report, parts: () => opened });
  for (const line of opened.damage) report({ type: 'warning', about: 'registry', text: `${folder}: ${line}` });

  const parts = { store, uploads, access: createAccess(mayWrite), silence, now };
  const { handler, close } = createAnswerer(parts, report);
  const collect = (): Promise<Collected> => room.collect();
  const collectUnasked = (): void => {
    collect().catch((error: unknown) =>
      report({ type: 'warning', about: 'registry', text: `the garbage collection failed: ${String(error)}` }),
    );
  };
  const timer = setInterval(collectUnasked, collectEvery);
  timer.unref();
  collectUnasked();
  return {
    handler,
    usage: () => ({
      repositories: [...store.catalogue.repositories.values()].filter(({ manifests }) => manifests.size > 0).length,
      blobs: store.blobs.count,
      bytes: store.blobs.bytes + uploads.bytes,
      uploadBytes: uploads.bytes,
      quotaBytes,
    }),
    collectGarbage: collect,
    async close() {
      clearInterval(timer);
      await close();
      // One that runs now; its result is nobody's business any more.
      await collect().catch(() => undefined);
      await store.close();
    },
  };
}

async function openFolder(
  { folder }: EmbeddedRegistryOptions,
  now: () => number,
  room: () => { left(): number; makeRoom(wanted: number): Promise<void> },
  silence: number,
) {
  try {
    const { store, damage } = await RegistryStore.open(folder, now);
    const bounds = { left: () => room().left(), makeRoom: (wanted: number) => room().makeRoom(wanted), silence, now };
    return { store, damage, uploads: await Uploads.open(join(folder, 'uploads'), bounds) };
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new UserError('BAN-E635', `the folder ${folder} of the local registry cannot be used (${code})`, {
      hint:
        code === 'ENOSPC' || code === 'EDQUOT'
          ? 'free space on the disk that it is on'
          : 'see who owns it and may write to it; with the gateway stopped it may be removed, and what is deployed then has to be pushed again',
      cause: error,
    });
  }
}
