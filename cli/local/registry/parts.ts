import type { Access } from './access.ts';
import type { RegistryStore } from './store.ts';
import type { Uploads } from './uploads.ts';

/** What the answers of the registry are made from. */
export interface RegistryParts {
  readonly store: RegistryStore;
  readonly uploads: Uploads;
  readonly access: Access;
  /** Longest silence of a client within a body, in either direction, in milliseconds. */
  readonly silence: number;
  readonly now: () => number;
}
