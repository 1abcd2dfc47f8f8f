import { UserError } from '../errors.ts';
import { hideCredentials, type TemplateSource } from './source.ts';

/** How git ended; see runGit of the tools. */
export interface GitResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/**
 * Runs git, which asks nobody. A failing git is a result; throws BAN-E212 if there is no git, and Interrupted.
 * `timeout` in milliseconds. `onStdoutBytes` gets the output as it comes (it is not in the result then).
 */
export type Git = (
  gitArguments: readonly string[],
  options: {
    readonly cwd: string;
    readonly signal: AbortSignal;
    readonly timeout?: number | undefined;
    readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
    readonly input?: string | undefined;
    readonly onStdoutBytes?: ((chunk: Uint8Array) => void) | undefined;
  },
) => Promise<GitResult>;

/** Settings of every call: nothing is converted, no helper program of the repository's choice runs, a stalled line ends. */
export const gitSettings: readonly string[] = [
  ...[
    'core.autocrlf=false',
    'gc.auto=0',
    'maintenance.auto=false',
    'protocol.version=2',
    'credential.interactive=false',
  ],
  ...['http.lowSpeedLimit=100', 'http.lowSpeedTime=30', 'fetch.recurseSubmodules=false', 'fetch.unpackLimit=1'],
].flatMap((setting) => ['-c', setting]);

/** The environment for a call that talks to a source: only these transports, and the credentials of its address. */
export function environmentFor(
  { address, authorization }: TemplateSource,
  environment: NodeJS.ProcessEnv,
): Readonly<Record<string, string | undefined>> {
  const transports = { GIT_ALLOW_PROTOCOL: 'https:http:ssh:git:file' };
  if (authorization === undefined) return transports;
  // Settings that the user hands to git the same way stay.
  const count = Number(environment['GIT_CONFIG_COUNT'] ?? 0) || 0;
  return {
    ...transports,
    GIT_CONFIG_COUNT: String(count + 1),
    [`GIT_CONFIG_KEY_${count}`]: `http.${new URL(address).origin}/.extraHeader`,
    [`GIT_CONFIG_VALUE_${count}`]: `Authorization: ${authorization}`,
  };
}

/** What a failed conversation with a source means: BAN-E115 for credentials, BAN-E003 for a full disk, else BAN-E114. */
export function sourceFailure(source: TemplateSource, result: GitResult): UserError {
  const { repository } = source;
  const said = result.stderr
    .split('\n')
    .map((line) => hideCredentials(line.trim()).replace(/^(?:fatal|error|remote): */, ''))
    .filter(
      (line) =>
        line !== '' &&
        !line.startsWith('hint:') &&
        !/^(?:Could not read from remote repository|Please make sure|and the repository exists)/.test(line),
    );
  const text = said.join('\n');
  const details = said.slice(0, 8);
  const found = failures.find(({ pattern }) => pattern.test(text));
  if (found !== undefined)
    return new UserError(found.code, `the templates of ${repository} cannot be read: ${found.reason}`, {
      details,
      hint: found.hint,
    });
  const reason = result.timedOut ? 'git did not finish in time' : (said.at(-1) ?? `git ended with ${result.exitCode}`);
  return new UserError('BAN-E114', `the templates of ${repository} cannot be read: ${reason}`, {
    ...(details.length > 1 ? { details } : {}),
    hint: result.timedOut
      ? 'try again; a repository with little but templates in it is quicker'
      : 'git ls-remote with the same address says more',
  });
}

const failures: readonly {
  readonly pattern: RegExp;
  readonly code: 'BAN-E003' | 'BAN-E114' | 'BAN-E115';
  readonly reason: string;
  readonly hint: string;
}[] = [
  {
    pattern: /No space left on device|quota exceeded|Read-only file system/i,
    code: 'BAN-E003',
    reason: 'there is no room to keep them',
    hint: 'make room; what is kept in ~/.cache/bantam/templates can all be removed, and XDG_CACHE_HOME names another place',
  },
  {
    pattern: /dubious ownership/i,
    code: 'BAN-E114',
    reason: 'the folder belongs to another user, and git does not trust it',
    hint: 'git config --global --add safe.directory PATH, if you do',
  },
  {
    pattern: /Host key verification failed/i,
    code: 'BAN-E115',
    reason: 'ssh does not know the host',
    hint: 'connect once by hand (ssh git@HOST) and compare its key, or use the https address',
  },
  {
    pattern:
      /Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|Permission denied \(|HTTP (?:Basic: )?Access denied|returned error: 40[13]/i,
    code: 'BAN-E115',
    reason: 'credentials are missing or refused (many hosts say so, too, where there is no such repository)',
    hint: 'check the address; give git the credentials: a credential helper, an ssh key, or a token in the address (https://TOKEN@HOST/…)',
  },
  {
    pattern:
      /Could not resolve host|Temporary failure in name resolution|unable to access|Connection refused|Failed to connect|timed out|unable to connect|Network is unreachable|Operation too slow/i,
    code: 'BAN-E114',
    reason: 'its host does not answer',
    hint: 'check the address and the network; what is in template/ already, or was pulled before, needs none',
  },
  {
    pattern: /does not appear to be a git repository|repository .* (?:not found|does not exist)|not found/i,
    code: 'BAN-E114',
    reason: 'there is no git repository',
    hint: 'check the address; a folder becomes one with git init and a commit',
  },
];
