import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from '../events.ts';
import { createAuthorizer } from './authorize.ts';
import { openBlobs } from './blobs.ts';
import type { Credentials } from './credentials.ts';
import { openHttp, type Traffic } from './http.ts';
import { openManifests } from './manifests.ts';
import type { Registry } from './registry.ts';
import { createRequester } from './requests.ts';
import { createSender } from './sender.ts';
import type { Trust } from './trust.ts';
import { openUploads } from './uploads.ts';

/** What {@link openRegistry} needs. Times in milliseconds. */
export interface RegistryOptions {
  readonly credentials: Credentials;
  /** Gets a `trace` per request. */
  readonly report: Report;
  /** Which certificates are trusted; Node's own authorities if not given. */
  readonly trust?: Trust;
  /** Registries to be reached over plain http besides those of the address rule; see {@link endpointOf}. */
  readonly insecure?: readonly string[];
  /** Registries to be reached over https although the address rule says otherwise. */
  readonly secure?: readonly string[];
  /** Longest wait for an answer per try, and longest silence while a body arrives. 20 s if not given. */
  readonly timeout?: number;
  /** Tries per request, 4 if not given. */
  readonly attempts?: number;
  /** How pauses between tries are waited for. */
  readonly wait?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** The client of the distribution API for all registries that references name. Nothing is sent before the first call. */
export function openRegistry(options: RegistryOptions): Registry & { traffic(): Traffic } {
  const { report } = options;
  const timeout = options.timeout ?? 20_000;
  const attempts = options.attempts ?? 4;
  const wait =
    options.wait ?? ((milliseconds, signal) => sleep(milliseconds, undefined, signal === undefined ? {} : { signal }));
  const trust = options.trust ?? nodesOwnTrust;
  const { open, traffic } = openHttp();
  const send = createSender({ report, timeout, attempts, wait, open, trust });
  const ask = createRequester({
    send,
    authorizer: createAuthorizer(options.credentials, send, timeout),
    trust,
    insecure: options.insecure ?? [],
    secure: options.secure ?? [],
    timeout,
  });
  const tries = { attempts, wait, report };
  return {
    traffic,
    ...openManifests(ask, timeout),
    ...openBlobs(ask, timeout, tries),
    ...openUploads(ask, timeout, tries),
  };
}

const nodesOwnTrust: Trust = {
  knows: async () => false,
  contextFor: async () => undefined,
  widen: async () => false,
};
