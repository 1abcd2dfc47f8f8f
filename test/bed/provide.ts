import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { provideStandIns, realBasesAnswer } from './bases.ts';
import { cacheFolder } from './cache.ts';
import { provideEmulation } from './emulation.ts';
import { buildxVersion, engineReason, findMachineEngine, unpackEngine } from './engine.ts';
import { startEngine } from './engine-daemon.ts';
import { isAvailable, type PartName } from './parts.ts';
import { reasonOf } from './program.ts';
import { findRegistryProgram, type RegistryProgram, startRegistry } from './registry.ts';
import { writeState } from './state.ts';
import { provideTool, type Tool } from './tools.ts';
import type { Work } from './work.ts';

const realBases = 'the public images';

/**
 * Provides every part that the bed does not have yet, and records for each how it is or why it is missing.
 * Throws only when aborted or when the machine could not be put back in order.
 */
export async function provideParts(work: Work): Promise<void> {
  const crane = toolOnce(work, 'crane');
  const tools = Promise.allSettled([
    attempt(work, 'crane', crane),
    attempt(work, 'actionlint', toolOnce(work, 'actionlint')),
  ]);
  try {
    await provideContainers(work, crane);
  } finally {
    await tools;
  }
  work.signal?.throwIfAborted();
}

async function provideContainers(work: Work, crane: () => Promise<string>): Promise<void> {
  // Handlers before the engine: what buildx calls its platforms is fixed when the engine starts.
  await attempt(work, 'emulation-arm64', () => provideEmulation(work, 'aarch64'));
  await attempt(work, 'emulation-arm', () => provideEmulation(work, 'arm'));
  await provideEngine(work);
  let program: Promise<RegistryProgram> | undefined;
  const registryProgram = (): Promise<RegistryProgram> => {
    program ??= findRegistryProgram(work, async () => {
      await crane();
      return join(work.run, 'bin/crane');
    });
    return program;
  };
  await attempt(work, 'registry', async () => {
    const port = process.env['BANTAM_BED_REGISTRY_PORT'];
    const found = await registryProgram();
    work.state.registry = await startRegistry(
      work,
      'registry',
      found,
      join(work.run, 'registry'),
      port === undefined ? undefined : Number(port),
    );
    return found.version;
  });
  await provideBases(work, registryProgram);
}

/** Runs `provide` unless the part is there, and records its version or the reason of its failure. */
async function attempt(work: Work, name: PartName, provide: () => Promise<string>, again = false): Promise<void> {
  if (!again && isAvailable(work.state.parts, name)) return;
  const part = await provide().then(
    (version) => ({ name, available: true as const, version }),
    (error: unknown) => {
      work.signal?.throwIfAborted();
      return { name, available: false as const, reason: reasonOf(error) };
    },
  );
  work.state.parts = [...work.state.parts.filter((other) => other.name !== name), part];
  writeState(work.run, work.state);
}

function toolOnce(work: Work, name: Tool): () => Promise<string> {
  let made: Promise<string> | undefined;
  const make = async (): Promise<string> => {
    const { program, version } = await provideTool(work, name);
    await offer(work, name, program);
    return version;
  };
  return () => {
    made ??= make();
    return made;
  };
}

/** Puts a program on the PATH of the bed's users. */
async function offer(work: Work, name: string, program: string): Promise<void> {
  const link = join(work.run, 'bin', name);
  await rm(link, { force: true });
  await symlink(program, link);
}

function dockerOf(work: Work): string {
  return work.state.engine === undefined ? 'docker' : join(work.run, 'bin/docker');
}

async function provideEngine(work: Work): Promise<void> {
  await attempt(work, 'engine', async () => {
    const machine = await findMachineEngine();
    if (machine !== undefined) return `${machine} (the machine's)`;
    const reason = await engineReason();
    if (reason !== undefined) throw new Error(reason);
    const { folder, versions } = await unpackEngine(work);
    await offer(work, 'docker', join(folder, 'root/usr/bin/docker'));
    return `${await startEngine(work, folder)} (Debian ${versions[`docker.io:${process.arch === 'arm64' ? 'arm64' : 'amd64'}`]})`;
  });
  await attempt(work, 'buildx', async () => {
    if (!isAvailable(work.state.parts, 'engine')) throw new Error('there is no Docker Engine');
    return buildxVersion(dockerOf(work), work);
  });
}

/** Also when the bed has them: the templates may name other bases since. */
async function provideBases(work: Work, registryProgram: () => Promise<RegistryProgram>): Promise<void> {
  const known = work.state.parts.find(({ name }) => name === 'bases');
  if (known?.available === true && known.version === realBases) return;
  const provide = async (): Promise<string> => {
    if (!isAvailable(work.state.parts, 'buildx')) throw new Error('there is no Docker Engine with buildx');
    if (work.state.basesRegistry === undefined) {
      if (await realBasesAnswer(work, dockerOf(work))) return realBases;
      work.state.basesRegistry = await startRegistry(
        work,
        'bases',
        await registryProgram(),
        join(cacheFolder(), 'bases'),
      );
      writeState(work.run, work.state);
    }
    const { contexts, names, failures } = await provideStandIns(work, dockerOf(work), work.state.basesRegistry);
    // Those that could be made are offered even when others are missing: some tests need only them.
    work.state.environment = { ...work.state.environment, BANTAM_BUILD_CONTEXTS: contexts.join(' ') };
    if (failures.length > 0) throw new Error(failures.join('; '));
    return `stand-ins ${names.join(' ')}`;
  };
  await attempt(work, 'bases', provide, true);
}
