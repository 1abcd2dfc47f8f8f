import { Interrupted } from '../errors.ts';
import type { Report } from '../events.ts';
import type { ContainerEngine } from '../tools/container-engine.ts';
import { choosePassword } from './choose-password.ts';
import { claimFolder } from './claim-folder.ts';
import { composeGateway } from './compose-gateway.ts';
import type { Dialect } from './dialect/dialect.ts';
import type { ProviderChoice } from './local-provider.ts';
import type { ReplicaTiming } from './replicas/replica.ts';
import { keepPassword } from './state/kept-password.ts';
import { openStateFolder } from './state/state-folder.ts';

/** How a local gateway is to be. */
export interface LocalOptions {
  readonly provider: ProviderChoice;
  /** Asked for with the Docker provider, and where a killed gateway left containers. */
  readonly engine?: (() => Promise<ContainerEngine>) | undefined;
  /** Folder for its record (`local.json`), secrets, functions, calls and images, usually `.bantam` of the project. One gateway at a time. */
  readonly stateFolder: string;
  readonly report: Report;
  /** Default 8585; 0 takes a free one. */
  readonly port?: number | undefined;
  /** An address of this machine besides loopback, where other machines reach it: `0.0.0.0` for all. */
  readonly listen?: string | undefined;
  /** Default `admin`. */
  readonly user?: string | undefined;
  /** Default: the one that was made for this folder before, or a new random one. */
  readonly password?: string | undefined;
  /** Read instead of `password`; one trailing newline is no part of it. */
  readonly passwordFile?: string | undefined;
  readonly dialect?: Dialect | undefined;
  /** bantam's version. */
  readonly version?: string | undefined;
  /** Bytes that the embedded registry may hold. */
  readonly registryQuota?: number | undefined;
  readonly timing?: Partial<ReplicaTiming> | undefined;
  /** Seconds that functions, and asynchronous calls under way, get to end when the gateway closes; default 5. */
  readonly closeGraceSeconds?: number | undefined;
  /** Milliseconds of silence that asynchronous calls bear; default 15 minutes, where clients that wait get one. */
  readonly asynchronousBound?: number | undefined;
  /** Aborts the start; afterwards `close` is the way. */
  readonly signal?: AbortSignal | undefined;
}

/** A local gateway that answers. */
export interface LocalGateway {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly instance: string;
  readonly dialect: Dialect;
  readonly provider: ProviderChoice['kind'];
  /** Where functions reach it, for messages: from containers `http://gateway.openfaas:8585`, as processes its own URL. */
  readonly insideUrl: string;
  /** Its embedded registry, as image references begin: `127.0.0.1:8585`. */
  readonly registry: string;
  /** `http://127.0.0.1:8585/ui/`. */
  readonly page: string;
  /** What an earlier run had left: functions that are started again, calls that are made now, processes and containers that were ended. */
  readonly found: { readonly functions: readonly string[]; readonly calls: number; readonly ended: number };
  /** The page's address with a key that lets one browser in, once. As good as the password. */
  pageLink(): string;
  /** Stops functions, containers and listeners and removes the record. Functions, secrets, images and calls that are not over stay for the next start. */
  close(): Promise<void>;
}

/**
 * Starts the embedded gateway with its registry, queue, schedules and page: on loopback, on the Docker provider's own bridge, and where it is told.
 * What an earlier one had (also one that was killed) is there again. Throws BAN-E003, E004 (one runs or is being started already for this folder), E202,
 * E601 (port taken), E620, E625, E626, E635, `Interrupted`; whatever was started until then is stopped again.
 */
export async function startLocal(options: LocalOptions): Promise<LocalGateway> {
  const { stateFolder, report, user = 'admin', signal } = options;
  const undo: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    // Last made, first removed; one failure does not keep the rest from being removed.
    for (const step of undo.splice(0).reverse()) await step().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  const later = (step: () => Promise<unknown>): void => void undo.push(step);
  try {
    const { password, toKeep } = await choosePassword(options);
    const credentials = { user, password };
    await openStateFolder(stateFolder);
    const claim = await claimFolder({ ...options, credentials }, later);
    if (toKeep) await keepPassword(stateFolder, password);
    const composed = await composeGateway(options, claim, later);
    if (signal?.aborted === true) throw new Interrupted();
    return { ...credentials, ...composed, close };
  } catch (error) {
    // What goes wrong while tidying up must not hide why.
    await close().catch((problem: unknown) =>
      report({ type: 'warning', text: problem instanceof Error ? problem.message : String(problem) }),
    );
    throw error;
  }
}
