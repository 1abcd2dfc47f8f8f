import { dirname, join, relative, resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import type { Builder } from './build/builder.ts';
import type { BuilderKind } from './build/choose-builder.ts';
import { Interrupted, UserError } from './errors.ts';
import type { Report } from './events.ts';
import type { ChosenAddress, GatewaySource } from './openfaas/address.ts';
import type { CredentialsPlace } from './openfaas/credentials-file.ts';
import type { Dialect } from './openfaas/dialects.ts';
import type { Gateway } from './openfaas/gateway.ts';
import { packageVersion } from './package-version.ts';
import type { BuiltImages } from './registry/built-images.ts';
import type { Traffic } from './registry/http.ts';
import type { ImageMemory } from './registry/image-memory.ts';
import type { Registry } from './registry/registry.ts';
import type { ReplicaProbe } from './replica/probe.ts';
import type { Stack, Target } from './stack/stack.ts';
import type { ConfiguredTemplates } from './template/foreign.ts';
import type { TemplatePack } from './template/pack.ts';
import type { TemplateRepositories } from './template/repository.ts';
import type { Template } from './template/template.ts';
import type { FindForeign } from './template/template-facts.ts';
import type { ContainerEngine } from './tools/container-engine.ts';
import type { runProgram } from './tools/exec.ts';

/** Why a run is ended: its answer has no reader any more (`bantam … | head`). That is no failure and needs no word. */
export const nobodyReads = Symbol('nobody reads');

/** The options of every command; see program.ts. */
export interface GlobalOptions {
  readonly stack: string | undefined;
  readonly gateway: string | undefined;
  readonly namespace: string | undefined;
  /** `-t`: a name in `x-bantam.targets` of the stack file. */
  readonly target?: string | undefined;
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
export type ChosenGateway = Omit<ChosenAddress, 'source'> & { readonly source: GatewaySource | 'local' };

/** A gateway that has said who it is. `describe` names it for the target line; `source` says who chose the address. */
export interface OpenGateway {
  readonly gateway: Gateway;
  readonly dialect: Dialect;
  readonly probe: ReplicaProbe;
  /** GOARCH of the gateway's machine, empty where it does not tell. */
  readonly architecture: string;
  readonly source: ChosenGateway['source'];
  readonly describe: string;
  /** Set if it is the running local gateway of this project. */
  readonly local?: LocalGateway | undefined;
}

/** What is known of the running `bantam local up` of this project. `registry`: `127.0.0.1:8585`, its own, if it has one. */
export interface LocalGateway {
  readonly url: string;
  readonly registry: string | undefined;
  /** All names of that registry: those of loopback, and what `--listen` adds. */
  readonly registries: readonly string[];
  readonly provider: string | undefined;
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
  /** Where bantam keeps what it can do without: below XDG_CACHE_HOME, else ~/.cache. */
  readonly cacheFolder: string;
  /** Where bantam keeps what it must not lose on this machine: below XDG_STATE_HOME, else ~/.local/state. */
  readonly stateFolder: string;
  /** All of standard input; `undefined` where a person would have to type it (a terminal). Ends at Ctrl-C. */
  readInput(): Promise<Uint8Array | undefined>;
  /** Asks a person for one line that is not shown while it is typed; `undefined` where nobody can be asked. Throws Interrupted on Ctrl-C. */
  askHidden(question: string): Promise<string | undefined>;
  /** True if a person can be asked: a terminal on both sides, no CI. */
  readonly interactive: boolean;
  readonly signal: AbortSignal;
  readonly report: Report;
  now(): Date;
  /** bantam's own version. */
  version(): string;
  /** The stack file of `-f`, or found here or above, as it is for the target that is asked for; its warnings are reported. Throws BAN-E101, BAN-E102, BAN-E108, BAN-E109. */
  stack(): Promise<Stack>;
  /** The same, `undefined` if there is none (and none was named). */
  stackIfAny(): Promise<Stack | undefined>;
  /** The target that `-t` or BANTAM_TARGET asks for; undefined if neither does. Throws BAN-E108 for one that is not declared. */
  target(): Promise<Target | undefined>;
  /** The namespace that a whole command is about: `-n`, else the target's; undefined if neither names one. */
  namespace(): Promise<string | undefined>;
  /** The namespace in which a function is looked for: `-n`, the target's, what the stack file says of it, else undefined for the provider's own. */
  namespaceOf(name: string): Promise<string | undefined>;
  /** bantam's own templates. */
  templatePack(): TemplatePack;
  /** Git repositories with templates, kept by commit in the user's cache. */
  templateRepositories(): Promise<TemplateRepositories>;
  /** A template from the source that the stack file or the lock file names, else from OpenFaaS's own; writes nothing into the project. */
  readonly findForeign: FindForeign;
  /** A function's template: the project's, else that of bantam itself, read where it is. Writes nothing. Throws BAN-E111, BAN-E112. */
  readonly findTemplate: (stackFolder: string, language: string) => Promise<Template>;
  /** The same for a build, which uses the project's own: brings one of bantam's, or of the source that the stack file or the lock file names, into the project if it is missing, and reports that. Throws BAN-E003 and what sources throw, too. */
  readonly bringTemplate: (stackFolder: string, language: string) => Promise<Template>;
  /** Address of the gateway: `-g`, the target, the stack file, OPENFAAS_URL, a running `local up`, the default. Asks nobody. */
  gatewayAddress(): Promise<ChosenGateway>;
  /** The gateway with its credentials, asked who it is. */
  gateway(): Promise<OpenGateway>;
  readonly credentialsPlace: CredentialsPlace;
  /** All registries that references name; `traffic` counts what was asked and received. */
  registry(): Promise<Registry & { traffic?(): Traffic }>;
  /** What is known of images from earlier runs, in the user's cache folder. */
  imageMemory(): Promise<ImageMemory>;
  /** Which images the builds of this user made. */
  builtImages(): Promise<BuiltImages>;
  /** Who builds; `auto` if not given. */
  builder(kind?: BuilderKind): Promise<Builder>;
  /** The running local gateway of this project, if there is one. */
  localGateway(): Promise<LocalGateway | undefined>;
  engine(): Promise<ContainerEngine>;
  readonly run: typeof runProgram;
}

/** Makes the context of one command. Opens nothing. */
export function openContext(surroundings: Surroundings, globals: GlobalOptions, report: Report): Context {
  const { environment, folder, home, signal, packageFolder } = surroundings;
  const run: typeof runProgram = async (...call) => (await import('./tools/exec.ts')).runProgram(...call);

  const interactive = surroundings.stdin.isTTY === true && surroundings.stderr.isTTY === true && !environment['CI'];

  const declaredStack = once(async (): Promise<Stack | undefined> => {
    const { lookForStack, findStack } = await import('./stack/find.ts');
    const search = { file: globals.stack, from: folder, home };
    const found = globals.stack === undefined ? (await lookForStack(search)).file : await findStack(search);
    if (found === undefined) return undefined;
    // Who is somewhere below may not know which project this is.
    if (globals.stack === undefined && dirname(found) !== resolve(folder))
      report({ type: 'note', text: `the stack file is ${relative(folder, found)}` });
    return await readFound(found);
  });

  const target = once(async (): Promise<Target | undefined> => {
    const choices = { flag: globals.target, environment: environment['BANTAM_TARGET'] };
    if (!choices.flag?.trim() && !choices.environment?.trim()) return undefined;
    const { chooseTarget } = await import('./stack/targets.ts');
    return chooseTarget(await declaredStack(), choices);
  });

  const stackIfAny = once(async (): Promise<Stack | undefined> => {
    const declared = await declaredStack();
    const chosen = declared === undefined ? undefined : await target();
    if (declared === undefined || chosen === undefined) return declared;
    return (await import('./stack/targets.ts')).applyTarget(declared, chosen);
  });

  const namespace = async (): Promise<string | undefined> => globals.namespace ?? (await target())?.namespace;

  const namespaceOf = async (name: string): Promise<string | undefined> => {
    const whole = await namespace();
    return whole ?? (await stackIfAny())?.functions.find((each) => each.name === name)?.namespace;
  };

  const readFound = async (file: string): Promise<Stack> => {
    const { readStack } = await import('./stack/read.ts');
    const { formatProblem, placeOf } = await import('./stack/problem.ts');
    const { stack, warnings } = await readStack(file, { environment, from: folder });
    for (const warning of warnings)
      report({ type: 'warning', text: formatProblem(warning, folder), place: placeOf(warning) });
    return stack;
  };

  const stack = async (): Promise<Stack> => {
    const { findStack } = await import('./stack/find.ts');
    return (await stackIfAny()) ?? (await readFound(await findStack({ from: folder, home })));
  };

  /** The gateway of `bantam local up` that runs for this project, if there is one. */
  const localInstance = once(async () => {
    const { isAlive, readInstance } = await import('./local/state/instance-file.ts');
    const declared = await declaredStack();
    const record = await readInstance(join(declared?.folder ?? folder, '.bantam'));
    return record !== undefined && isAlive(record) ? record : undefined;
  });

  const gatewayAddress = once(async (): Promise<ChosenGateway> => {
    const { chooseGateway, defaultGateway, parseGatewayAddress } = await import('./openfaas/address.ts');
    const chosenTarget = await target();
    const declared = globals.gateway === undefined ? await declaredStack() : undefined;
    const chosen = chooseGateway({
      flag: globals.gateway,
      target: chosenTarget,
      stack: declared?.gateway,
      environment: environment['OPENFAAS_URL'],
    });
    // Nobody named one (the default address in a stack file is no name): a running local gateway is what is meant.
    const nobody = chosen.url === defaultGateway && (chosen.source === 'stack' || chosen.source === 'default');
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
    const chosenTarget = await target();
    const credentials =
      local !== undefined && local.url === address.url
        ? basicCredentials(local.user, local.password)
        : address.login !== undefined
          ? basicCredentials(address.login.user, address.login.password)
          : (await findCredentials(address.key, credentialsPlace, address.target))?.credentials;
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
      local: local !== undefined && local.url === address.url ? await localGateway() : undefined,
      describe: `${dialect.title} at ${address.url}${describeTarget(address, chosenTarget)}`,
    };
  });

  const cacheFolder = join(environment['XDG_CACHE_HOME'] || join(home, '.cache'), 'bantam');

  const imageMemory = once(async (): Promise<ImageMemory> => {
    const { openImageMemory } = await import('./registry/image-memory.ts');
    return openImageMemory(join(cacheFolder, 'images-1'), report);
  });

  const registry = once(async (): Promise<Registry & { traffic(): Traffic }> => {
    const [{ openRegistry }, { openDockerCredentials }, { parseRegistryNames }, { openTrust }] = await Promise.all([
      import('./registry/client.ts'),
      import('./registry/credentials.ts'),
      import('./registry/endpoint.ts'),
      import('./registry/trust.ts'),
    ]);
    const credentials = openDockerCredentials({ environment, homeFolder: home, report, runProgram: run });
    return openRegistry({
      credentials,
      report,
      trust: openTrust({ environment, homeFolder: home, report }),
      insecure: parseRegistryNames(environment['BANTAM_INSECURE_REGISTRIES']),
      secure: parseRegistryNames(environment['BANTAM_SECURE_REGISTRIES']),
    });
  });

  const stateFolder = join(environment['XDG_STATE_HOME'] || join(home, '.local/state'), 'bantam');

  const builtImages = once(async (): Promise<BuiltImages> => {
    const { openBuiltImages } = await import('./registry/built-images.ts');
    return openBuiltImages({ folder: stateFolder, report });
  });

  const localGateway = once(async (): Promise<LocalGateway | undefined> => {
    const record = await localInstance();
    if (record === undefined) return undefined;
    const { url, registry, listen, provider } = record;
    const { registryNames } = await import('./local/own-addresses.ts');
    return { url, registry, provider, registries: registry === undefined ? [] : registryNames(registry, listen) };
  });

  /** What both builders work with. */
  const buildPorts = once(async () => {
    const { openImageStore } = await import('./build/image-store.ts');
    return {
      run,
      images: openImageStore({ folder: cacheFolder, registry, memory: imageMemory, report }),
      seconds: () => performance.now() / 1000,
      scratch: join(cacheFolder, 'scratch'),
      environment,
    };
  });

  const assemble = once(async (): Promise<Builder> => {
    const { openAssemble } = await import('./build/assemble/assemble.ts');
    return openAssemble({
      ...(await buildPorts()),
      cacheFolder,
      registry,
      memory: imageMemory,
      isLocalRegistry: async (host) => (await localGateway())?.registries.includes(host.toLowerCase()) === true,
    });
  });

  const buildx = once(async (): Promise<Builder> => {
    const { openBuildx } = await import('./build/buildx.ts');
    return openBuildx(await buildPorts());
  });

  const builder = async (kind: BuilderKind = 'auto'): Promise<Builder> => {
    const [{ openChosenBuilder }, { recordBuilt }] = await Promise.all([
      import('./build/choose-builder.ts'),
      import('./build/record-built.ts'),
    ]);
    return recordBuilt(openChosenBuilder(kind, { buildx, assemble, run }), await builtImages());
  };

  const templatePack = (): TemplatePack => ({
    folder: join(packageFolder, 'templates'),
    source: 'bantam',
    version: packageVersion(packageFolder),
  });

  const templateRepositories = once(async (): Promise<TemplateRepositories> => {
    const [{ openRepositories }, { runGit }] = await Promise.all([
      import('./template/repository.ts'),
      import('./tools/git.ts'),
    ]);
    return openRepositories({
      git: async (gitArguments, options) => await runGit(run, gitArguments, options),
      folder: join(cacheFolder, 'templates'),
      report,
      signal,
      environment,
    });
  });

  /** `configuration.templates`; `fn new -f FILE` begins a stack file: then nothing is configured. */
  const configuredTemplates = async (): Promise<ConfiguredTemplates> => {
    const declared = await stackIfAny().catch((error: unknown) => {
      if (error instanceof UserError && error.code === 'BAN-E101') return undefined;
      throw error;
    });
    return declared?.configuration?.templates ?? [];
  };

  const findForeign = async (stackFolder: string, name: string, wellKnown: boolean): ReturnType<FindForeign> => {
    const { findForeign: find } = await import('./template/foreign.ts');
    return await find(
      stackFolder,
      name,
      { repositories: await templateRepositories(), report, configured: configuredTemplates },
      wellKnown,
    );
  };

  const bringer = once(async () => {
    const { openTemplateBringer } = await import('./template/bring.ts');
    return openTemplateBringer({
      pack: templatePack(),
      foreign: async (stackFolder, language) => await findForeign(stackFolder, language, false),
      report,
      signal,
    });
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
    cacheFolder,
    stateFolder,
    async readInput() {
      if (surroundings.stdin.isTTY === true) return undefined;
      report({ type: 'trace', text: 'reading standard input to its end' });
      return await readAll(surroundings.stdin, signal);
    },
    async askHidden(question) {
      if (!interactive) return undefined;
      return await (await import('./ui/ask-hidden.ts')).askHidden(question, surroundings);
    },
    interactive,
    signal,
    report,
    now: () => new Date(),
    version: () => packageVersion(packageFolder),
    stack,
    stackIfAny,
    target,
    namespace,
    namespaceOf,
    templatePack,
    templateRepositories,
    findForeign: async (stackFolder, name) => await findForeign(stackFolder, name, true),
    findTemplate: async (stackFolder, language) =>
      (await import('./template/bring.ts')).lookUpTemplate(templatePack(), stackFolder, language, configuredTemplates),
    bringTemplate: async (stackFolder, language) => (await bringer())(stackFolder, language),
    gatewayAddress,
    gateway,
    credentialsPlace,
    registry,
    imageMemory,
    builtImages,
    builder,
    localGateway,
    engine,
    run,
  };
}

/** What the target line says of a target; with `-g` the gateway may be another than its own. */
function describeTarget(address: ChosenGateway, target: Target | undefined): string {
  if (target === undefined) return '';
  const elsewhere = address.source === 'flag' && target.gateway !== undefined && address.target === undefined;
  return ` (target ${target.name}${elsewhere ? ', but the gateway of --gateway' : ''})`;
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
