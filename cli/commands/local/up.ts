import { dirname, join } from 'node:path';
import { defineCommand } from '../../command.ts';
import type { Context } from '../../context.ts';
import { Interrupted } from '../../errors.ts';
import { pullCredentials } from '../../local/docker/pull-credentials.ts';
import { startLocal } from '../../local/start.ts';
import { openDockerCredentials } from '../../registry/credentials.ts';

/** `bantam local up`: an OpenFaaS gateway on this machine that runs deployed images as containers; in the foreground until Ctrl-C. */
export const up = defineCommand({
  options: {
    port: {
      flags: '--port <number>',
      kind: 'number',
      description: 'port on 127.0.0.1 (default: 8585; 0 takes a free one)',
    },
    username: { flags: '-u, --username <name>', kind: 'text', description: 'user name (default: admin)' },
    passwordFile: {
      flags: '--password-file <file>',
      kind: 'text',
      description: 'read the password from a file (default: a new one, kept in .bantam/)',
    },
  },
  examples: ['bantam local up', 'bantam local up --port 0 --json'],
  async run(input, context) {
    const { options } = input;
    const stack = await context.stackIfAny();
    const stateFolder = join(stack === undefined ? context.folder : dirname(stack.file), '.bantam');
    const local = await startLocal({
      engine: await context.engine(),
      stateFolder,
      report: context.report,
      port: options.port,
      user: options.username,
      passwordFile: options.passwordFile,
      version: context.version(),
      credentials: pullCredentials(
        openDockerCredentials({
          environment: context.environment,
          homeFolder: context.home,
          runProgram: context.run,
          report: context.report,
        }),
      ),
      signal: context.signal,
    });
    const facts = { url: local.url, username: local.user, state: join(stateFolder, 'local.json') };
    context.report({
      type: 'target',
      text: `local (faas-netes dialect) at ${local.url}, user ${local.user}; functions reach it as ${local.insideUrl}`,
    });
    context.report({
      type: 'note',
      text: `bantam uses it by itself in this project; others: user ${local.user}, password in ${facts.state}`,
    });
    context.report({ type: 'note', text: 'Ctrl-C stops it and removes its containers' });
    return {
      document: facts,
      blocks: [],
      afterwards: async () => {
        try {
          await interruption(context);
        } finally {
          context.report({ type: 'progress', about: 'local', text: 'stopping' });
          await local.close();
        }
      },
    };
  },
});

/** Rejects with Interrupted at Ctrl-C; a timer keeps the process up while nothing is asked. */
async function interruption({ signal }: Pick<Context, 'signal'>): Promise<never> {
  return await new Promise<never>((_resolve, reject) => {
    const keep = setInterval(() => undefined, 60_000);
    const stop = (): void => {
      clearInterval(keep);
      reject(new Interrupted());
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}
