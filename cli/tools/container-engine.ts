/**
 * A container engine as bantam uses it: three small ports (images, containers, networks) and what the engine says of itself.
 * Every call is bounded; an abort ends it with `Interrupted`. Failures are UserErrors: BAN-E202 (the engine does not answer),
 * E301, E302, E303, E505 (pull), E602 (everything else), always with the engine's own words kept.
 */
export interface ContainerEngine {
  /** Where the engine listens, for messages: `unix:///var/run/docker.sock`. */
  readonly address: string;
  /** False when the engine is on another machine (tcp, ssh): what it publishes on 127.0.0.1 is not our 127.0.0.1. */
  readonly onThisMachine: boolean;
  /** Asks the engine who it is; also the way to find out whether it answers. */
  facts(signal?: AbortSignal): Promise<EngineFacts>;
  readonly images: EngineImages;
  readonly containers: EngineContainers;
  readonly networks: EngineNetworks;
}

/** What an engine says of itself. `platform` is `os/arch` in Go's names (an ARM engine does not tell its variant). */
export interface EngineFacts {
  readonly version: string;
  readonly platform: string;
  readonly cpus: number;
}

/** What proves to one registry who is asking (Docker's credentials); never logged. `serverAddress` as `docker login` keeps it. */
export interface PullCredentials {
  readonly serverAddress: string;
  readonly proof:
    | { readonly kind: 'basic'; readonly username: string; readonly password: string }
    | { readonly kind: 'identity' | 'bearer'; readonly token: string };
}

/** `platform` as `linux/arm/v7`; `onProgress` gets the engine's own lines (`Downloading 3/7`). */
export interface PullOptions {
  readonly platform?: string | undefined;
  readonly credentials?: PullCredentials | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An image in the engine's own store. `platform` is what the engine names for it, `os/arch[/variant]`. */
export interface StoredImage {
  readonly id: string;
  readonly platform: string;
  /** `Env` of its configuration. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The engine's images. */
export interface EngineImages {
  /** Pulls one reference; the platform given here must be given at create again (Docker keeps no memory of it). */
  pull(reference: string, options?: PullOptions): Promise<void>;
  /** The stored image, `undefined` if the engine has none of that name. */
  inspect(reference: string, signal?: AbortSignal): Promise<StoredImage | undefined>;
}

/** A file or folder of the host inside the container. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** A container to be made: plain values, in the units of Docker's API (bytes, billionths of a processor). */
export interface ContainerPlan {
  readonly name: string;
  readonly hostname: string;
  readonly image: string;
  readonly platform?: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** The port inside that is published on a free port of 127.0.0.1. */
  readonly port: number;
  readonly network?: { readonly name: string; readonly aliases: readonly string[] } | undefined;
  /** `name:address` lines for /etc/hosts. */
  readonly extraHosts: readonly string[];
  readonly mounts: readonly Mount[];
  /** Folders kept in memory, with their mount options. */
  readonly memoryFolders: Readonly<Record<string, string>>;
  readonly readOnlyRoot: boolean;
  readonly memoryBytes?: number | undefined;
  readonly nanoCpus?: number | undefined;
  readonly pidsLimit: number;
}

/** A container as it is now. `hostPort` is where the published port answers on 127.0.0.1 while it runs. */
export interface ContainerState {
  readonly id: string;
  readonly running: boolean;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  /** The engine's own message when the start failed, else empty. */
  readonly error: string;
  readonly hostPort?: number | undefined;
  /** The platform really running, where the engine tells (containerd image store). */
  readonly platform?: string | undefined;
}

/** One container of a list. */
export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly running: boolean;
}

/** Which log lines are wanted. `since` in milliseconds since 1970; `tail` counts lines. */
export interface EngineLogQuery {
  readonly follow?: boolean | undefined;
  readonly since?: number | undefined;
  readonly tail?: number | undefined;
}

/** One line a container wrote, without its newline. `timestamp` is RFC 3339 with nanoseconds, as the engine took it. */
export interface EngineLogLine {
  readonly stream: 'stdout' | 'stderr';
  readonly timestamp: string;
  readonly text: string;
}

/** The engine's containers. An id may be a name too. */
export interface EngineContainers {
  /** Makes a container (not running) and returns its id. */
  create(plan: ContainerPlan, signal?: AbortSignal): Promise<string>;
  start(id: string, signal?: AbortSignal): Promise<void>;
  /** SIGTERM, then SIGKILL after `graceSeconds`. Quiet if it is stopped or gone. */
  stop(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void>;
  /** Removes it, running or not, with its anonymous volumes. Quiet if it is gone. */
  remove(id: string, signal?: AbortSignal): Promise<void>;
  /** `undefined` if there is no such container. */
  inspect(id: string, signal?: AbortSignal): Promise<ContainerState | undefined>;
  /** Waits until the container is not running (without a bound: give a signal) and returns its exit code. */
  wait(id: string, signal: AbortSignal): Promise<number>;
  /** The container's log; with `follow` until it stops or `signal` aborts (which ends it quietly). Nothing for one that is gone. */
  logs(id: string, query: EngineLogQuery, signal?: AbortSignal): AsyncIterable<EngineLogLine>;
  /** All containers, also stopped ones, that carry this label with this value. */
  list(label: string, value: string, signal?: AbortSignal): Promise<readonly ContainerSummary[]>;
}

/** A bridge network; `gateway` is the host's own address on it (what containers can reach the host by). */
export interface EngineNetwork {
  readonly id: string;
  readonly gateway: string;
}

/** The engine's networks. */
export interface EngineNetworks {
  create(name: string, labels: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<EngineNetwork>;
  /** Quiet if it is gone. */
  remove(id: string, signal?: AbortSignal): Promise<void>;
  /** Ids of the networks that carry this label with this value. */
  list(label: string, value: string, signal?: AbortSignal): Promise<readonly string[]>;
}
