import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import type { Builder } from './build/builder.ts';
import { Interrupted, UserError } from './errors.ts';
import type { Report } from './events.ts';
import type { GatewayAddress, GatewaySource } from './openfaas/address.ts';
import type { CredentialsPlace } from './openfaas/credentials-file.ts';
import type { Dialect } from './openfaas/dialects.ts';
import type { Gateway } from './openfaas/gateway.ts';
import type { Registry } from './registry/registry.ts';
import type { ReplicaProbe } from './replica/probe.ts';
import type { Stack } from './stack/stack.ts';
import type { TemplatePack } from './template/pack.ts';
import type { Template } from './template/template.ts';
import type { ContainerEngine } from './tools/container-engine.ts';
import type { runProgram } from './tools/exec.ts';

/** Why a run is ended: its answer has no reader any more (`bantam … | head`). That is no failure and needs no word. */
export const nobodyReads = Symbol('nobody reads');

/** The options of every command; see program.ts. */
export interface GlobalOptions {
  readonly stack: string | undefined;
  readonly gateway: string | undefined;
  readonly namespace: string | undefined;
  readonly json: boolean;
  readonly yes: boolean;
}

/** The facts of the process, gathered in main.ts. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly folder: string;
  readonly home: string;
  /** Where bantam itself is: its package.json, dist/ and templates/. */
  readonly packageFolder: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborts at Ctrl-C, and with {@link nobodyReads} as its reason when the reader of stdout has gone. */
  readonly signal: AbortSignal;
}

/** A gateway's address and who chose it; `local` is the running `bantam local up` of this project. */
export type ChosenGateway = GatewayAddress & { readonly source: GatewaySource | 'local' };

/** A gateway that has said who it is. `describe` names it for the target line; `source` says who chose the address. */
export interface OpenGateway {
  readonly gateway: Gateway;
  readonly dialect: Dialect;
  readonly probe: ReplicaProbe;
  /** GOARCH of the gateway's machine, empty where it does not tell. */
  readonly architecture: string;
  readonly source: ChosenGateway['source'];
  readonly describe: string;
}

/**
 * What a command gets to work with. Everything with an outside is made when it is first asked for, and its packages are
 * loaded only then: that keeps `--help` fast and lets tests hand in their own.
 */
export interface Context {
  readonly environment: NodeJS.ProcessEnv;
  readonly folder: string;
  readonly home: string;
  readonly packageFolder: string;
  /** All of standard input; `undefined` where a person would have to type it (a terminal). Ends at Ctrl-C. */
  readInput(): Promise<Uint8Array | undefined>;
  /** True if a person can be asked: a terminal on both sides, no CI. */
  readonly interactive: boolean;
  readonly signal: AbortSignal;
  readonly report: Report;
  now(): Date;
  /** bantam's own version. */
  version(): string;
  /** The stack file of `-f`, or found here or above; its warnings are reported. Throws BAN-E101, BAN-E102. */
  stack(): Promise<Stack>;
  /** The same, `undefined` if there is none (and none was named). */
  stackIfAny(): Promise<Stack | undefined>;
  /** bantam's own templates. */
  templatePack(): TemplatePack;
  /** A function's template: the project's, else that of bantam itself, read where it is. Writes nothing. Throws BAN-E111, BAN-E112. */
  readonly findTemplate: (stackFolder: string, language: string) => Promise<Template>;
  /** The same for a build, which uses the project's own: brings one of bantam's into the project if it is missing, and reports that. Throws BAN-E003, too. */
  readonly bringTemplate: (stackFolder: string, language: string) => Promise<Template>;
  /** Address of the gateway: `-g`, the stack file, OPENFAAS_URL, a running `local up`, the default. Asks nobody. */
  gatewayAddress(): Promise<ChosenGateway>;
  /** The gateway with its credentials, asked who it is. */
  gateway(): Promise<OpenGateway>;
  readonly credentialsPlace: CredentialsPlace;
  registry(): Promise<Registry>;
  builder(): Promise<Builder>;
  engine(): Promise<ContainerEngine>;
  readonly run: typeof runProgram;
}

/** Makes the context of one command. Opens nothing. */
export function openContext(surroundings: Surroundings, globals: GlobalOptions, report: Report): Context {
  const { environment, folder, home, signal, packageFolder } = surroundings;
  const run: typeof runProgram = async (...call) => (await import('./tools/exec.ts')).runProgram(...call);

  const stackIfAny = once(async (): Promise<Stack | undefined> => {
    const { lookForStack, findStack } = await import('./stack/find.ts');
    const search = { file: globals.stack, from: folder, home };
    const found = globals.stack === undefined ? (await lookForStack(search)).file : await findStack(search);
    return found === undefined ? undefined : await readFound(found);
  });

  const readFound = async (file: string): Promise<Stack> => {
    const { readStack } = await import('./stack/read.ts');
    const { formatProblem } = await import('./stack/problem.ts');
    const { stack, warnings } = await readStack(file, { environment, from: folder });
    for (const warning of warnings) report({ type: 'warning', text: formatProblem(warning, folder) });
    return stack;
  };

  const stack = async (): Promise<Stack> => {
    const { findStack } = await import('./stack/find.ts');
    return (await stackIfAny()) ?? (await readFound(await findStack({ from: folder, home })));
  };

  /** The gateway of `bantam local up` that runs for this project, if there is one. */
  const localInstance = once(async () => {
    const { isAlive, readInstance } = await import('./local/instance-file.ts');
    const declared = await stackIfAny();
    const record = await readInstance(join(declared?.folder ?? folder, '.bantam'));
    return record !== undefined && isAlive(record) ? record : undefined;
  });

  const gatewayAddress = once(async (): Promise<ChosenGateway> => {
    const { chooseGateway, defaultGateway, parseGatewayAddress } = await import('./openfaas/address.ts');
    const declared = globals.gateway === undefined ? await stackIfAny() : undefined;
    const chosen = chooseGateway({
      flag: globals.gateway,
      stack: declared?.gateway,
      environment: environment['OPENFAAS_URL'],
    });
    // Nobody named one (the default address in a stack file is no name): a running local gateway is what is meant.
    const nobody = chosen.url === defaultGateway && chosen.source !== 'flag' && chosen.source !== 'environment';
    const local = nobody ? await localInstance() : undefined;
    return local === undefined ? chosen : { ...parseGatewayAddress(local.url), source: 'local' };
  });

  const credentialsPlace: CredentialsPlace = { environment, home, workingFolder: folder };

  const gateway = once(async (): Promise<OpenGateway> => {
    const address = await gatewayAddress();
    const [{ openGateway }, { dialectOf }, { findCredentials }, { basicCredentials }, { openReplicaProbe }] =
      await Promise.all([
        import('./openfaas/client.ts'),
        import('./openfaas/dialects.ts'),
        import('./openfaas/credentials.ts'),
        import('./openfaas/authorization.ts'),
        import('./replica/http-probe.ts'),
      ]);
    const local = await localInstance();
    const credentials =
      local !== undefined && local.url === address.url
        ? basicCredentials(local.user, local.password)
        : address.login !== undefined
          ? basicCredentials(address.login.user, address.login.password)
          : (await findCredentials(address.key, credentialsPlace))?.credentials;
    const opened = openGateway({ url: address.url, credentials, report });
    const info = await opened.info(signal);
    const dialect = dialectOf(info);
    if (!info.provider) {
      throw new UserError('BAN-E405', `the gateway at ${address.url} cannot reach its provider`, {
        hint: 'it answers, but nothing behind it does: look after faas-netes or faasd',
      });
    }
    return {
      gateway: opened,
      dialect,
      architecture: info.arch,
      probe: openReplicaProbe(address.url),
      source: address.source,
      describe: `${dialect.title} at ${address.url}`,
    };
  });

  const registry = once(async (): Promise<Registry> => {
    const [{ openRegistry }, { openDockerCredentials }, { parseRegistryNames }] = await Promise.all([
      import('./registry/client.ts'),
      import('./registry/credentials.ts'),
      import('./registry/endpoint.ts'),
    ]);
    const credentials = openDockerCredentials({ environment, homeFolder: home, report, runProgram: run });
    return openRegistry({
      credentials,
      report,
      insecure: parseRegistryNames(environment['BANTAM_INSECURE_REGISTRIES']),
      secure: parseRegistryNames(environment['BANTAM_SECURE_REGISTRIES']),
    });
  });

  const builder = once(async (): Promise<Builder> => {
    const [{ openBuildx }, { openImageStore }] = await Promise.all([
      import('./build/buildx.ts'),
      import('./build/image-store.ts'),
    ]);
    const cache = join(environment['XDG_CACHE_HOME'] || join(home, '.cache'), 'bantam');
    return openBuildx({
      run,
      images: openImageStore({ folder: cache, registry, report }),
      seconds: () => performance.now() / 1000,
      scratch: join(cache, 'scratch'),
    });
  });

  const templatePack = (): TemplatePack => ({
    folder: join(packageFolder, 'templates'),
    source: 'bantam',
    version: packageVersion(packageFolder),
  });

  const bringer = once(async () => {
    const { openTemplateBringer } = await import('./template/bring.ts');
    return openTemplateBringer({ pack: templatePack(), report, signal });
  });

  const engine = once(async (): Promise<ContainerEngine> => {
    const { openEngine } = await import('./tools/engine.ts');
    return await openEngine({ environment, home });
  });

  return {
    environment,
    folder,
    home,
    packageFolder,
    async readInput() {
      if (surroundings.stdin.isTTY === true) return undefined;
      report({ type: 'trace', text: 'reading standard input to its end' });
      return await readAll(surroundings.stdin, signal);
    },
    interactive: surroundings.stdin.isTTY === true && surroundings.stderr.isTTY === true && !environment['CI'],
    signal,
    report,
    now: () => new Date(),
    version: () => packageVersion(packageFolder),
    stack,
    stackIfAny,
    templatePack,
    findTemplate: async (stackFolder, language) =>
      (await import('./template/bring.ts')).lookUpTemplate(templatePack(), stackFolder, language),
    bringTemplate: async (stackFolder, language) => (await bringer())(stackFolder, language),
    gatewayAddress,
    gateway,
    credentialsPlace,
    registry,
    builder,
    engine,
    run,
  };
}

/** The version in the package.json of bantam itself. */
export function packageVersion(packageFolder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

/** Reads a stream to its end, or until the signal: an open pipe into which nobody writes must not hold Ctrl-C. */
async function readAll(stream: NodeJS.ReadStream, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of addAbortSignal(signal, stream)) chunks.push(Buffer.from(chunk));
  } catch (error) {
    throw signal.aborted ? new Interrupted() : error;
  }
  return Buffer.concat(chunks);
}

/** Makes a thing once, at the first call; later calls get the same one. */
function once<Thing>(make: () => Promise<Thing>): () => Promise<Thing> {
  let made: Promise<Thing> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
