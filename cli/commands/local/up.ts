import { resolve } from 'node:path';
import { type Answer, defineCommand } from '../../command.ts';
import type { Context } from '../../context.ts';
import { Interrupted } from '../../errors.ts';
import { chooseDialect } from '../../local/dialect/choose-dialect.ts';
import { pullCredentials } from '../../local/docker/pull-credentials.ts';
import type { ProviderChoice } from '../../local/local-provider.ts';
import { askPageLink } from '../../local/page/ask-link.ts';
import { requireRunning } from '../../local/running-gateway.ts';
import { type LocalGateway, startLocal } from '../../local/start.ts';
import { instancePath } from '../../local/state/instance-file.ts';
import { keepLogShort, logPath } from '../../local/state/log-file.ts';
import { watchFolder } from '../../local/state/watch-folder.ts';
import { openDockerCredentials } from '../../registry/credentials.ts';
import { announcing, tellParent } from './detached.ts';
import { projectState } from './project-state.ts';
import { describeUp, type UpFacts } from './up-facts.ts';
import { checkNames, readProvider, readSize, type UpOptions, upOptions } from './up-options.ts';

/** `bantam local up`: an OpenFaaS gateway on this machine that runs deployed images; in the foreground until Ctrl-C, or in the background. */
export const up = defineCommand({
  options: upOptions,
  examples: [
    'bantam local up',
    'bantam local up --detach',
    'bantam local up --provider docker --as faasd',
    'bantam local up --listen 0.0.0.0 --password-file password',
  ],
  async run(input, context) {
    const { options, globals } = input;
    const kind = readProvider(options);
    const dialect = chooseDialect(options.as, options.ce);
    checkNames(options);
    const registryQuota = readSize(options.registryQuota);
    const stateFolder = await projectState(context);
    if (options.detach) {
      const { detach } = await import('./detach.ts');
      const facts = await detach({ options, globals, stateFolder }, context);
      const link = context.interactive
        ? await askPageLink(await requireRunning(stateFolder), context.signal)
        : undefined;
      return describeUp({ ...facts, link }, context);
    }
    return await tellParent(context, stateFolder, async () => {
      const local = await startLocal({
        ...{ stateFolder, dialect, registryQuota },
        provider: await chooseProvider(kind, options, context),
        engine: () => context.engine(),
        report: context.report,
        port: options.port,
        listen: options.listen,
        user: options.username,
        passwordFile: options.passwordFile === undefined ? undefined : resolve(context.folder, options.passwordFile),
        version: context.version(),
        signal: context.signal,
      });
      return stayUp(local, { stateFolder, listen: options.listen }, context);
    });
  },
});

async function chooseProvider(
  kind: 'process' | 'docker',
  { trust }: Pick<UpOptions, 'trust'>,
  context: Context,
): Promise<ProviderChoice> {
  if (kind === 'process')
    return { kind, registry: await context.registry(), builtImages: await context.builtImages(), trust };
  const { environment, home, run, report } = context;
  return {
    kind,
    credentials: pullCredentials(openDockerCredentials({ environment, homeFolder: home, runProgram: run, report })),
  };
}

/** The answer of a gateway that goes on until Ctrl-C. */
function stayUp(
  local: LocalGateway,
  { stateFolder, listen }: { readonly stateFolder: string; readonly listen: string | undefined },
  context: Context,
): { facts: UpFacts; answer: Answer } {
  const facts: UpFacts = {
    url: local.url,
    username: local.user,
    state: instancePath(stateFolder),
    dialect: local.dialect.name,
    title: local.dialect.title,
    provider: local.provider,
    registry: local.registry,
    page: local.page,
    pid: process.pid,
    functions: [...local.found.functions],
    calls: local.found.calls,
    ended: local.found.ended,
    ...(announcing(context) ? { log: logPath(stateFolder) } : {}),
    ...(listen === undefined ? {} : { listen: `${listen}:${new URL(local.url).port}` }),
  };
  const link = context.interactive ? local.pageLink() : undefined;
  const afterwards = async (): Promise<void> => {
    const endShortening = announcing(context)
      ? keepLogShort(stateFolder, (error) =>
          context.report({ type: 'warning', text: `the log cannot be kept short: ${String(error)}` }),
        )
      : () => undefined;
    try {
      await interruption(stateFolder, context);
    } finally {
      endShortening();
      context.report({ type: 'progress', about: 'local', text: 'stopping' });
      await local.close();
    }
  };
  return { facts, answer: { ...describeUp({ ...facts, link }, context), afterwards } };
}

/** Rejects with Interrupted at Ctrl-C, with BAN-E626 if the folder is removed; a timer keeps the process up while nothing is asked. */
async function interruption(stateFolder: string, { signal }: Pick<Context, 'signal'>): Promise<never> {
  const removed = new AbortController();
  const endWatch = await watchFolder(stateFolder, (error) => removed.abort(error));
  return await new Promise<never>((_resolve, reject) => {
    const keep = setInterval(() => undefined, 60_000);
    const stop = (): void => {
      clearInterval(keep);
      endWatch();
      reject(removed.signal.aborted ? removed.signal.reason : new Interrupted());
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    removed.signal.addEventListener('abort', stop, { once: true });
  });
}
