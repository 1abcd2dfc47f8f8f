import * as v from 'valibot';
import type { ContainerPlan, ContainerState, PullCredentials } from './container-engine.ts';

const stateSchema = v.object({
  Id: v.string(),
  State: v.object({
    Status: v.optional(v.string(), ''),
    Running: v.boolean(),
    ExitCode: v.number(),
    OOMKilled: v.optional(v.boolean(), false),
    Error: v.optional(v.string(), ''),
  }),
  NetworkSettings: v.object({
    Ports: v.nullish(v.record(v.string(), v.nullish(v.array(v.object({ HostIp: v.string(), HostPort: v.string() }))))),
  }),
  ImageManifestDescriptor: v.nullish(
    v.object({
      platform: v.nullish(v.object({ os: v.string(), architecture: v.string(), variant: v.optional(v.string()) })),
    }),
  ),
});

/** Decodes `GET /containers/ID/json`; `undefined` for one that is being removed. Throws a ValiError for anything that is no engine's answer. */
export function decodeState(raw: unknown): ContainerState | undefined {
  const { Id, State, NetworkSettings, ImageManifestDescriptor } = v.parse(stateSchema, raw);
  if (State.Status === 'removing' || State.Status === 'dead') return undefined;
  const published = Object.values(NetworkSettings.Ports ?? {}).flatMap((bindings) => bindings ?? []);
  const hostPort = published.find((binding) => binding.HostPort !== '')?.HostPort;
  const platform = ImageManifestDescriptor?.platform;
  return {
    id: Id,
    running: State.Running,
    exitCode: State.ExitCode,
    outOfMemory: State.OOMKilled,
    error: State.Error,
    ...(hostPort === undefined ? {} : { hostPort: Number(hostPort) }),
    ...(platform
      ? { platform: [platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join('/') }
      : {}),
  };
}

/**
 * The body of `POST /containers/create` for a plan (Docker Engine API 1.41 and later): published on loopback only, no capabilities,
 * no new privileges, no swap, a bounded log. `platform` becomes a query parameter.
 */
export function createOptions(plan: ContainerPlan) {
  const port = `${plan.port}/tcp`;
  return {
    name: plan.name,
    Hostname: plan.hostname,
    Image: plan.image,
    ...(plan.platform === undefined ? {} : { platform: plan.platform }),
    Env: Object.entries(plan.environment).map(([name, value]) => `${name}=${value}`),
    Labels: { ...plan.labels },
    ExposedPorts: { [port]: {} },
    // bantam asks for health itself; an image's own HEALTHCHECK would start a process in the container every few seconds.
    Healthcheck: { Test: ['NONE'] },
    ...(plan.network === undefined
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [plan.network.name]: { Aliases: [...plan.network.aliases] } } } }),
    HostConfig: {
      ...(plan.network === undefined ? {} : { NetworkMode: plan.network.name }),
      PortBindings: { [port]: [{ HostIp: '127.0.0.1', HostPort: '' }] },
      ExtraHosts: [...plan.extraHosts],
      Mounts: plan.mounts.map((mount) => ({
        Type: 'bind' as const,
        Source: mount.source,
        Target: mount.target,
        ReadOnly: mount.readOnly,
      })),
      Tmpfs: { ...plan.memoryFolders },
      ReadonlyRootfs: plan.readOnlyRoot,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: plan.pidsLimit,
      // Equal to Memory: no swap, as on a Kubernetes node.
      ...(plan.memoryBytes === undefined ? {} : { Memory: plan.memoryBytes, MemorySwap: plan.memoryBytes }),
      ...(plan.nanoCpus === undefined ? {} : { NanoCpus: plan.nanoCpus }),
      // Bounded, so that a talkative function cannot fill a disk.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    },
  };
}

/** The engine's `X-Registry-Auth` (Docker Engine API, "Authentication"), before its encoding. */
export function registryAuthentication({ serverAddress, proof }: PullCredentials) {
  const serveraddress = serverAddress;
  if (proof.kind === 'basic') return { serveraddress, username: proof.username, password: proof.password };
  return proof.kind === 'identity'
    ? { serveraddress, identitytoken: proof.token }
    : { serveraddress, registrytoken: proof.token };
}
