import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAssemble } from '../../cli/build/assemble/assemble.ts';
import type { Builder, ImageStore, RunProgram } from '../../cli/build/builder.ts';
import { openImageStore } from '../../cli/build/image-store.ts';
import type { BuildPlan } from '../../cli/build/plan.ts';
import type { Event } from '../../cli/events.ts';
import { openEmbeddedRegistry } from '../../cli/local/registry/server.ts';
import type { Platform } from '../../cli/oci/platform.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { type ImageMemory, openImageMemory } from '../../cli/registry/image-memory.ts';
import { elfMachines, makeElf, packLayer } from '../oci/image-parts.ts';
import { listen } from '../registry/scripted-server.ts';
import { keepImage, keepIndex, type Store, type serveStore } from '../registry/stored-image.ts';
import { templates } from '../templates/build-context.ts';
import { examplePlan } from './example-plan.ts';

export const amd64: Platform = { os: 'linux', architecture: 'amd64' };
export const armv7: Platform = { os: 'linux', architecture: 'arm', variant: 'v7' };

/** Two base images, as the template bantam-ts has them: one for 64 bits with tag `64`, one for 32-bit ARM with tag `32`. */
export async function makeBases(): Promise<Store> {
  const store: Store = { blobs: new Map() };
  const program = (path: string, machine: (typeof elfMachines)['amd64' | 'arm']) =>
    packLayer([{ name: path, content: Buffer.from(makeElf(machine)) }]);
  const config = {
    Env: ['PATH=/bin', 'LANG=C'],
    Labels: { of: 'the base' },
    ExposedPorts: { '9/udp': {} },
    Entrypoint: ['/nodejs/bin/node'],
    Cmd: ['base.js'],
    User: '65532',
    StopSignal: 'SIGQUIT',
    OnBuild: ['RUN true'],
  };
  const big = Buffer.alloc(200_000, 'base');
  const layers = [await packLayer([{ name: 'lib/base', content: big }], 'none')];
  const ofAmd64 = { platform: amd64, config, layers: [...layers, await program('nodejs/bin/node', elfMachines.amd64)] };
  store.blobs.set('64', documentOf(store, keepIndex(store, [ofAmd64])));
  const ofArm = { platform: armv7, config: {}, layers: [await program('usr/local/bin/node', elfMachines.arm)] };
  store.blobs.set('32', documentOf(store, keepImage(store, ofArm)));
  return store;
}

function documentOf(store: Store, { mediaType, digest }: { mediaType: string; digest: string }) {
  return { mediaType, bytes: store.blobs.get(digest)?.bytes ?? Buffer.alloc(0) };
}

/** A small function of a template that says the same as bantam-ts but needs no packages. */
export async function makeSmallContext(folder: string, handler = 'export default () => 1;\n'): Promise<string> {
  const context = await mkdtemp(join(folder, 'context-'));
  const read = (name: string) => readFile(join(templates, 'bantam-ts', name), 'utf8');
  const description = JSON.parse(await read('build.json')) as Record<string, unknown>;
  await mkdir(join(context, 'function'));
  await writeFile(join(context, 'build.json'), JSON.stringify({ ...description, entry: 'main.js' }));
  await writeFile(join(context, 'Dockerfile'), await read('Dockerfile'));
  await writeFile(join(context, 'main.js'), "import handler from 'bantam:handler';\nhandler();\n");
  await writeFile(join(context, 'function/handler.mjs'), handler);
  return context;
}

/** The builder with a folder of its own, and a registry of ours to push to. */
export async function openWorkshop(bases: Awaited<ReturnType<typeof serveStore>>) {
  const folder = await mkdtemp(join(tmpdir(), 'bantam-assemble-'));
  const events: Event[] = [];
  const report = (event: Event): void => void events.push(event);
  const embedded = await openEmbeddedRegistry({ folder: join(folder, 'registry'), mayWrite: () => true, report });
  const asked: string[] = [];
  const server = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    embedded.handler(incoming, outgoing);
  });
  await listen(server);
  const address = server.address();
  const host = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';
  const registry = openRegistry({
    credentials: { find: () => Promise.resolve(undefined) },
    report,
    wait: () => Promise.resolve(),
  });
  const runs: { readonly file: string; readonly argv: readonly string[]; readonly userconfig: string | undefined }[] =
    [];
  const run: RunProgram = async (file, argv, options) => {
    runs.push({ file, argv, userconfig: options?.environment?.['NPM_CONFIG_USERCONFIG'] });
    return {
      exitCode: 1,
      stdout: '',
      stderr: 'npm error the token is s3cret-token-value\n',
      missing: false,
      timedOut: false,
    };
  };
  let local = '';
  const open = (otherwise: Partial<ImageStore> = {}): Builder => {
    let memory: ImageMemory | undefined;
    const memoryOf = async (): Promise<ImageMemory> => {
      memory ??= openImageMemory(join(folder, 'memory'), report);
      return memory;
    };
    return openAssemble({
      run,
      images: { ...openImageStore({ folder, registry: async () => registry, memory: memoryOf, report }), ...otherwise },
      seconds: () => 0,
      scratch: join(folder, 'scratch'),
      cacheFolder: folder,
      environment: { TOKEN: '//r/:_authToken=s3cret-token-value' },
      registry: async () => registry,
      memory: memoryOf,
      isLocalRegistry: async (registryHost) => registryHost === local,
    });
  };
  const plan = async (more: Partial<BuildPlan> = {}): Promise<BuildPlan> =>
    examplePlan({
      context: more.context ?? (await makeSmallContext(folder)),
      platforms: [amd64, armv7],
      reference: { registry: host, repository: 'hello', tag: '1' },
      // The instructions of the last stage of bantam-ts.
      ownHistoryEntries: 9,
      buildArguments: { NODE_64: `${bases.host}/node:64`, NODE_ARM: `${bases.host}/node:32` },
      ...more,
    });
  return {
    folder,
    host,
    registry,
    events,
    runs,
    asked,
    plan,
    open,
    beLocal: () => {
      local = host;
    },
    build: async (more: Partial<BuildPlan> = {}, builder = open()) =>
      await builder.build(await plan(more), { report, signal: new AbortController().signal }),
    async close() {
      await embedded.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
