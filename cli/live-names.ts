import { createHash } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { completionScripts } from './commands/completion-scripts.ts';
import type { Candidate } from './complete.ts';
import type { Context } from './context.ts';
import { makeFolder } from './tools/make-folder.ts';

/** Where names come from. `known`: declared in the stack file or deployed. */
export type NameSource =
  | 'declared'
  | 'deployed'
  | 'known'
  | 'images'
  | 'secrets'
  | 'targets'
  | 'templates'
  | 'platforms'
  | 'shells';

/** For so long the gateway is not asked again: people press Tab twice. */
const freshMilliseconds = 5000;

/** The names of a source; the context's signal ends the asking. Whatever fails on the way, a stack file that is not valid, a gateway that is not there, means no names. */
export async function readNames(source: NameSource, context: Context): Promise<readonly Candidate[]> {
  try {
    return await read(source, context);
  } catch {
    // Completion is a courtesy: the command itself will say what is wrong.
    return [];
  }
}

async function read(source: NameSource, context: Context): Promise<readonly Candidate[]> {
  switch (source) {
    case 'declared':
      return ((await context.stackIfAny())?.functions ?? []).map(({ name, language }) => ({
        word: name,
        description: language,
      }));
    case 'deployed':
      return await deployed(context);
    case 'known': {
      const [declared, running] = await Promise.all([readNames('declared', context), readNames('deployed', context)]);
      const words = new Set(declared.map(({ word }) => word));
      return [...declared, ...running.filter(({ word }) => !words.has(word))];
    }
    case 'images':
      return ((await context.stackIfAny())?.functions ?? []).map(({ name, image }) => ({
        word: image,
        description: name,
      }));
    case 'secrets':
      return await fromGateway(context, 'secrets', async (signal, namespace) => {
        const { gateway } = await context.gateway();
        return (await gateway.secrets(namespace, signal)).map(({ name }) => name);
      });
    case 'targets':
      return ((await context.stackIfAny())?.targets ?? []).map(({ name, gateway }) => ({
        word: name,
        description: gateway ?? '',
      }));
    case 'templates': {
      const { foldersIn, templateNames } = await import('./template/find.ts');
      const stack = await context.stackIfAny().catch(() => undefined);
      const pack = context.templatePack();
      const names = [...(await templateNames(stack?.folder ?? context.folder)), ...(await foldersIn(pack.folder))];
      return ['ts', 'go', ...new Set(names)].map((word) => ({ word, description: '' }));
    }
    case 'platforms':
      return ['linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/arm/v6'].map((word) => ({ word, description: '' }));
    case 'shells':
      return Object.keys(completionScripts).map((word) => ({ word, description: '' }));
    default:
      return source satisfies never;
  }
}

async function deployed(context: Context): Promise<readonly Candidate[]> {
  return await fromGateway(context, 'functions', async (signal, namespace) => {
    const { gateway } = await context.gateway();
    return (await gateway.list(namespace, signal)).map(({ name }) => name);
  });
}

/** Names that a gateway tells, kept for a moment. Only what can be a name of a function or secret is believed: a shell gets to see it. */
async function fromGateway(
  context: Context,
  what: string,
  ask: (signal: AbortSignal, namespace: string | undefined) => Promise<readonly string[]>,
): Promise<readonly Candidate[]> {
  const address = await context.gatewayAddress();
  const namespace = await context.namespaceOf('');
  const key = createHash('sha256')
    .update(JSON.stringify([what, address.url, namespace ?? '']))
    .digest('hex')
    .slice(0, 32);
  const folder = join(context.cacheFolder, 'completion');
  const file = join(folder, key);
  const age = await stat(file).then(
    ({ mtimeMs }) => context.now().getTime() - mtimeMs,
    () => Number.POSITIVE_INFINITY,
  );
  if (age >= 0 && age < freshMilliseconds) return toCandidates((await readFile(file, 'utf8')).split('\n'));
  const names = await ask(context.signal, namespace);
  const safe = toCandidates(names);
  // A cache that cannot be written is none.
  await keep(folder, file, safe).catch(() => undefined);
  return safe;
}

async function keep(folder: string, file: string, candidates: readonly Candidate[]): Promise<void> {
  await makeFolder(folder, 0o700);
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, candidates.map(({ word }) => word).join('\n'), { mode: 0o600 });
  await rename(draft, file);
}

function toCandidates(names: readonly string[]): readonly Candidate[] {
  return names
    .filter((name) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name))
    .map((word) => ({ word, description: '' }));
}
