import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { openAsyncCalls } from './async/async-calls.ts';
import { openSchedules } from './async/schedules.ts';
import { type Claim, refuse } from './claim-folder.ts';
import { faasNetes } from './dialect/faas-netes.ts';
import { CallActivity } from './gateway/activity.ts';
import { isAuthorized } from './gateway/basic-auth.ts';
import { createFunctionCaller } from './gateway/function-call.ts';
import { connectReplicas, createGateway } from './gateway/gateway.ts';
import { listenFurther } from './listen-further.ts';
import { startProvider } from './local-provider.ts';
import { hostsOf, isFromHere } from './own-addresses.ts';
import { createPage } from './page/page.ts';
import { openEmbeddedRegistry } from './registry/server.ts';
import type { Provider } from './replicas/provider.ts';
import { restoreFunctions } from './restore-functions.ts';
import type { LocalGateway, LocalOptions } from './start.ts';
import { keepFunctions } from './state/kept-provider.ts';
import { readStatus } from './state/read-status.ts';
import { SecretStore } from './state/secret-store.ts';
import { openLocalStore } from './state/store.ts';

/** Milliseconds of silence that asynchronous calls bear where clients that wait get one minute. */
const patience = 15 * 60_000;

/** Puts the parts of a local gateway together on a claimed folder and port, and brings back what was there before. `later` gets what undoes it. */
export async function composeGateway(
  options: LocalOptions,
  claim: Claim,
  later: (step: () => Promise<unknown>) => void,
): Promise<Omit<LocalGateway, 'user' | 'password' | 'close'>> {
  const { stateFolder, report, dialect = faasNetes, version = '0.0.0', closeGraceSeconds = 5 } = options;
  const { credentials, instance, port, address } = claim;
  const startedAt = new Date().toISOString();
  const url = `http://${address}`;
  const closing = new AbortController();

  const store = await openLocalStore(join(stateFolder, 'store'));
  later(() => store.close());
  const secrets = await SecretStore.open(join(stateFolder, 'secrets'));
  const surroundings = { ...options, instance, secretFile: (name: string) => secrets.file(name) };
  const running = await startProvider(options.provider, surroundings, options.signal);
  later(() => running.clear());
  later(() => running.provider.close());
  const provider = keepFunctions(running.provider, store.functions);
  const registry = await openEmbeddedRegistry({
    folder: join(stateFolder, 'registry'),
    quotaBytes: options.registryQuota,
    mayWrite: (incoming) => isFromHere(incoming) || isAuthorized(incoming.headers.authorization, credentials),
    inUse: () => digestsOf(provider),
    report,
  });
  later(() => registry.close());
  const { bridgeAddress } = running;
  for (const listener of await listenFurther({ ...options, ...claim, bridgeAddress })) later(() => listener.close());

  const activity = new CallActivity();
  const connections = connectReplicas(provider);
  const answerBound = options.asynchronousBound ?? patience;
  const callFunction = createFunctionCaller({ dialect, connections, activity, answerBound });
  // From this machine, or from a container of its own.
  const mayCallBack = (incoming: IncomingMessage): boolean =>
    isFromHere(incoming) || incoming.socket.localAddress === bridgeAddress;
  const calls = openAsyncCalls({ records: store.calls, provider, dialect, callFunction, mayCallBack, report });
  const schedules = openSchedules({ provider, calls, callFunction, report });
  later(() => schedules.stop());
  const queued = (name: string): number => calls.queued(name);
  const page = createPage({
    ...{ provider, activity, credentials, url, version, queued },
    ...{ run: instance, dialect: dialect.name, closing: closing.signal },
  });
  const fixed = {
    instance,
    pid: process.pid,
    version,
    startedAt,
    dialect: dialect.name,
    provider: options.provider.kind,
  };
  const registryUsage = () => registry.usage();
  const status = () => Response.json(readStatus({ fixed, provider, calls, schedules, registryUsage }));
  claim.setFront(
    createGateway({
      ...{ provider, secrets, dialect, credentials, version, activity, connections, page },
      closing: closing.signal,
      hosts: [bridgeAddress ?? [], options.listen === undefined ? [] : hostsOf(options.listen)].flat(),
      written: () => provider.written(),
      furtherRoutes: [{ method: 'GET', path: '/system/local', answer: status }],
      asynchronous: calls.request,
      registry: (incoming, outgoing) => registry.handler(incoming, outgoing),
    }),
  );
  later(async () => {
    claim.setFront(refuse('the local gateway is stopping'));
    closing.abort();
  });
  later(() => calls.drain(closeGraceSeconds * 1000));
  const functions = await restoreFunctions({ store, provider: running.provider, registry: address, dialect, report });
  const ended = claim.cleared.processes + claim.cleared.containers;
  return {
    url,
    instance,
    dialect,
    provider: options.provider.kind,
    insideUrl: options.provider.kind === 'docker' ? `http://gateway.openfaas:${port}` : url,
    registry: address,
    page: `${url}/ui/`,
    found: { functions, calls: await calls.resume(), ended },
    pageLink: () => page.newLink(),
  };
}

/** Digests of the images that functions run, where they were deployed by digest. */
function digestsOf(provider: Pick<Provider, 'list'>): string[] {
  return provider.list().flatMap(({ deployment }) => /sha(?:256|512):[0-9a-f]+$/.exec(deployment.image)?.[0] ?? []);
}
