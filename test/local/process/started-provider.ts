import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Event } from '../../../cli/events.ts';
import { type ProcessProviderOptions, startProcessProvider } from '../../../cli/local/process/provider.ts';
import type { DesiredFunction, FunctionState, Provider } from '../../../cli/local/replicas/provider.ts';
import type { FunctionDeployment } from '../../../cli/openfaas/wire.ts';
import { compile, type TestPlatform } from '../test-image.ts';
import { bantamLabel, type ImageParts, ownArchitecture, RegistryInMemory } from './image-in-memory.ts';

/** A process provider in a folder of its own (with a space and a letter of more than one byte), with images in memory. */
export interface StartedProvider extends AsyncDisposable {
  readonly provider: Provider;
  readonly registry: RegistryInMemory;
  readonly folder: string;
  readonly events: readonly Event[];
  /** Digests that count as built by the user; all, as long as it is undefined. */
  built: Set<string> | undefined;
  /** Deploys under a new generation and returns that. */
  deploy(name: string, image: string, more?: Partial<FunctionDeployment>, desired?: Partial<DesiredFunction>): string;
  /** Waits until so many replicas of the newest deployment answer, and no other. */
  ready(name: string, count?: number): Promise<void>;
  state(name: string): FunctionState;
  call(name: string, path?: string): Promise<Response>;
  /** The names of the replicas as they are now. */
  replicas(name: string): readonly string[];
}

const quick = { firstPoll: 10, poll: 200, start: 3000, firstRestart: 50, longestRestart: 200, graceSeconds: 5 };

/** Starts one. */
export async function startTestProvider(options: Partial<ProcessProviderOptions> = {}): Promise<StartedProvider> {
  const folder = await mkdtemp(join(tmpdir(), 'bantam prozeß '));
  const secrets = join(folder, 'secrets');
  await mkdir(secrets);
  await writeFile(join(secrets, 'token'), 'grüße');
  await writeFile(join(secrets, 'other'), 'not for you');
  const events: Event[] = [];
  const registry = new RegistryInMemory();
  let generations = 0;
  const provider = await startProcessProvider({
    folder: join(folder, 'processes'),
    instance: `test${process.pid}`,
    registry,
    builtImages: { has: async (digest) => started.built?.has(digest) ?? true },
    secretFile: (name) => join(secrets, name),
    report: (event) => events.push(event),
    timing: quick,
    closeGraceSeconds: 1,
    ...options,
  });
  const find = (name: string): FunctionState => {
    const state = provider.find(name);
    assert.ok(state !== undefined, `there is no ${name}`);
    return state;
  };
  const started: StartedProvider = {
    provider,
    registry,
    folder,
    events,
    built: undefined,
    deploy(name, image, more = {}, desired = {}) {
      generations += 1;
      const generation = String(generations).padStart(16, '0');
      const deployment = { service: name, image, ...more };
      const createdAt = provider.find(name)?.createdAt ?? new Date().toISOString();
      provider.apply({ name, generation, createdAt, deployment, replicas: 1, ...desired });
      return generation;
    },
    async ready(name, count = 1) {
      await until(`${count} of ${name} are ready, and no other`, () => {
        const { replicaStates, generation } = find(name);
        return (
          replicaStates.length === count && replicaStates.every((each) => each.ready && each.generation === generation)
        );
      });
    },
    state: find,
    async call(name, path = '/') {
      const [address = 'http://127.0.0.1:1'] = provider.endpoints(name);
      return await fetch(`${address}${path}`);
    },
    replicas: (name) => find(name).replicaStates.map(({ instance }) => instance),
    async [Symbol.asyncDispose]() {
      await provider.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return started;
}

/** The image of the test function in Go, as bantam-go lays it out. */
export async function goImage(parts: Partial<ImageParts> = {}): Promise<ImageParts> {
  const program = await compile(`linux/${ownArchitecture}` as TestPlatform);
  const layer = [
    { name: 'function', mode: 0o755, content: program },
    { name: 'home/app/static/page.html', content: 'a page' },
  ];
  return { layers: [layer], entrypoint: ['/function'], labels: bantamLabel, workingDirectory: '/home/app', ...parts };
}

/** A small function in JavaScript, as bantam-ts lays it out: in the one layer of its own, above a base that must never be read. */
export function nodeImage(version: string, source = answering): ImageParts {
  return {
    layers: [
      [{ name: 'lib/base', content: 'the base' }],
      [
        { name: 'app/function.mjs', content: source },
        { name: 'home/app/function/', type: 'directory' },
      ],
    ],
    history: ['RUN make the base', 'COPY --link --from=build /out/root/ /'],
    entrypoint: ['node', '--enable-source-maps', '/app/function.mjs'],
    environment: ['PATH=/nodejs/bin:/usr/bin:/bin', 'NODE_ENV=production', `VERSION=${version}`],
    labels: bantamLabel,
    workingDirectory: '/home/app',
  };
}

/** Answers with its version, late if asked to; ends with what it has begun. */
const answering = `
import { createServer } from 'node:http';
const server = createServer((request, response) => {
  const late = Number(new URL(request.url, 'http://x').searchParams.get('late') ?? 0);
  response.setHeader('Connection', 'close');
  setTimeout(() => response.end(process.env.VERSION), late);
});
server.listen(Number(process.env.port), process.env.BANTAM_HOST);
process.on('SIGTERM', () => server.close());
`;

/** Waits, with a bound that holds under load. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await condition())) {
    assert.ok(performance.now() < end, `in vain: ${what}`);
    await wait(10);
  }
}
