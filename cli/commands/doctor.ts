import { readFile } from 'node:fs/promises';
import { type Block, defineCommand } from '../command.ts';
import type { Context } from '../context.ts';
import { exitCodes, Interrupted, UserError } from '../errors.ts';
import { formatPlatform, type Platform, parsePlatform } from '../oci/platform.ts';
import { notHereYet } from '../template/foreign.ts';

/** What a check found. `unknown`: it could not be told; a guess would count as wrong. */
interface CheckResult {
  readonly state: 'ok' | 'warning' | 'error' | 'unknown';
  readonly text: string;
  readonly hint?: string;
}

interface Check {
  readonly name: string;
  run(context: Context): Promise<CheckResult>;
}

/** `bantam doctor`: what this machine, the stack file and the gateway are like, each with a way out. Changes nothing. */
export const doctor = defineCommand({
  options: {},
  examples: ['bantam doctor', 'bantam doctor --gateway http://pi-0:31112 --json'],
  async run(_input, context) {
    const results = await Promise.all(
      checks.map(async ({ name, run }) => {
        try {
          return { name, ...(await run(context)) };
        } catch (thrown) {
          if (thrown instanceof Interrupted || !(thrown instanceof UserError)) throw thrown;
          return {
            name,
            state: 'error' as const,
            text: `${thrown.message} (${thrown.code})`,
            ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
          };
        }
      }),
    );
    const signs = { ok: '✓', warning: '!', error: '✗', unknown: '?' };
    return {
      exit: results.some(({ state }) => state === 'error') ? exitCodes.failure : exitCodes.done,
      document: { checks: results },
      blocks: results.flatMap(({ name, state, text, hint }: CheckResult & { name: string }): Block[] => [
        { kind: 'line', text: `${signs[state]} ${name.padEnd(10)} ${text}` },
        ...(hint === undefined ? [] : [{ kind: 'line', text: `             next: ${hint}` } as const]),
      ]),
    };
  },
});

const checks: readonly Check[] = [
  { name: 'node', run: async () => ({ state: 'ok', text: process.version }) },
  {
    name: 'docker',
    async run({ run, signal }) {
      const found = await run(
        'docker',
        ['version', '--format', '{{.Client.Version}} {{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}'],
        { signal, timeout: 20_000 },
      );
      if (found.missing)
        return {
          state: 'warning',
          text: 'not installed: functions of bantam’s own templates are built without it, others are not',
          hint: 'apt install docker.io docker-buildx (Debian), or get.docker.com; needed for other templates, `lang: dockerfile`, --load and `bantam local up --provider docker`',
        };
      if (found.exitCode === 0) {
        const [client, server, platform] = found.stdout.trim().split(' ');
        return { state: 'ok', text: `client ${client}, engine ${server} on ${platform}` };
      }
      const denied = /permission denied/i.test(found.stderr);
      return {
        state: 'warning',
        text: denied ? 'this user may not talk to the engine' : 'the engine does not answer',
        hint: denied
          ? 'sudo usermod -aG docker $USER, then log in again'
          : 'sudo systemctl start docker, or check DOCKER_HOST',
      };
    },
  },
  {
    name: 'buildx',
    async run({ run, signal }) {
      const found = await run('docker', ['buildx', 'version'], { signal, timeout: 20_000 });
      if (found.missing) return { state: 'unknown', text: 'docker is missing' };
      if (found.exitCode !== 0)
        return {
          state: 'warning',
          text: 'docker has no buildx',
          hint: 'apt install docker-buildx (Debian) or docker-buildx-plugin (Docker’s packages)',
        };
      return { state: 'ok', text: found.stdout.split('\n')[0] ?? '' };
    },
  },
  {
    name: 'platforms',
    async run({ run, signal }) {
      const builder = await run('docker', ['buildx', 'inspect'], { signal, timeout: 20_000 });
      if (builder.exitCode !== 0) return { state: 'unknown', text: 'no builder to ask' };
      const driver = /^Driver:\s+(\S+)/m.exec(builder.stdout)?.[1] ?? 'unknown';
      if (driver !== 'docker')
        return { state: 'ok', text: `the current builder (${driver}) can build several platforms` };
      const info = await run('docker', ['info', '--format', '{{json .DriverStatus}}'], { signal, timeout: 20_000 });
      if (info.exitCode !== 0) return { state: 'unknown', text: 'the engine does not tell its image store' };
      if (info.stdout.includes('io.containerd.snapshotter'))
        return { state: 'ok', text: 'the engine builds several platforms (containerd image store)' };
      return {
        state: 'warning',
        text: 'the engine builds one platform at a time (classic image store)',
        hint: 'bantam fn build --own-builder, or switch to the containerd image store in daemon.json: "features": {"containerd-snapshotter": true}',
      };
    },
  },
  { name: 'emulation', run: async (context) => describeEmulation(context) },
  {
    name: 'go',
    async run({ run, signal }) {
      const found = await run('go', ['version'], { signal, timeout: 20_000 });
      if (found.missing)
        return {
          state: 'warning',
          text: 'not installed: functions in Go are built with docker only, and their unit tests do not run here',
          hint: 'install Go (go.dev/dl)',
        };
      return found.exitCode === 0
        ? { state: 'ok', text: found.stdout.replace(/^go version /, '') }
        : { state: 'warning', text: `go version: ${found.stderr.split('\n')[0] ?? ''}` };
    },
  },
  {
    name: 'stack',
    async run(context) {
      const stack = await context.stackIfAny();
      if (stack === undefined)
        return { state: 'warning', text: 'no stack file here or above', hint: 'bantam fn new hello --lang ts' };
      const languages = new Set(stack.functions.filter(({ skipBuild }) => !skipBuild).map(({ language }) => language));
      const coming: string[] = [];
      for (const language of languages)
        try {
          await context.findTemplate(stack.folder, language);
        } catch (error) {
          if (!(error instanceof UserError) || error.code !== 'BAN-E111') throw error;
          // What a build would bring by itself is no fault.
          const templates = stack.configuration?.templates ?? [];
          if ((await notHereYet(stack.folder, language, templates)) === undefined) throw error;
          coming.push(language);
        }
      const text = `${stack.file}: ${stack.functions.length} function${stack.functions.length === 1 ? '' : 's'}`;
      return coming.length === 0
        ? { state: 'ok', text }
        : {
            state: 'ok',
            text: `${text}; the first build brings the template${coming.length === 1 ? '' : 's'} ${coming.join(', ')}`,
            hint: 'bantam template pull brings them now',
          };
    },
  },
  {
    name: 'gateway',
    async run(context) {
      const { gateway, describe } = await context.gateway();
      await gateway.secrets(undefined, context.signal);
      return { state: 'ok', text: describe };
    },
  },
];

const foreign: readonly { readonly platform: Platform; readonly handler: string }[] = [
  { platform: parsePlatform('linux/arm64'), handler: 'qemu-aarch64' },
  { platform: parsePlatform('linux/arm/v7'), handler: 'qemu-arm' },
  { platform: parsePlatform('linux/amd64'), handler: 'qemu-x86_64' },
];

/** Which foreign programs this kernel runs, from the handlers themselves (docs.kernel.org/admin-guide/binfmt-misc.html); only `fn test --image` and foreign templates need them. */
async function describeEmulation({ run, signal }: Context): Promise<CheckResult> {
  if (process.platform !== 'linux') return { state: 'unknown', text: `told by Docker itself on ${process.platform}` };
  const machine = (await run('uname', ['-m'], { signal, timeout: 5000 })).stdout.trim();
  const own = { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'arm' }[machine];
  const states = await Promise.all(
    foreign
      .filter(({ platform }) => platform.architecture !== own)
      .map(async ({ platform, handler }) => ({
        name: formatPlatform(platform),
        enabled: (await readFile(`/proc/sys/fs/binfmt_misc/${handler}`, 'utf8').catch(() => '')).startsWith('enabled'),
      })),
  );
  const missing = states.filter(({ enabled }) => !enabled).map(({ name }) => name);
  if (missing.length === 0)
    return { state: 'ok', text: `this machine runs ${states.map(({ name }) => name).join(' and ')} programs too` };
  return {
    state: 'warning',
    text: `this machine does not run ${missing.join(' and ')} programs`,
    hint: 'only `bantam fn test --image` and templates that RUN on the target need it: apt install qemu-user-static binfmt-support',
  };
}
