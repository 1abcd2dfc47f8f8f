import { UserError } from '../errors.ts';
import type { EngineHost } from './engine-host.ts';

/** What was being done when the engine failed, for the sentence: `pull registry.lan/hello:1`. */
export interface EngineAction {
  readonly verb:
    | 'reach'
    | 'pull'
    | 'inspect'
    | 'create'
    | 'start'
    | 'stop'
    | 'remove'
    | 'watch'
    | 'read the log of'
    | 'list'
    | 'connect';
  readonly subject: string;
}

/** Turns whatever dockerode threw into a sentence with a hint; the engine's own words are kept in it. */
export function engineFailure(thrown: unknown, action: EngineAction, host: EngineHost): UserError {
  const message = engineWords(thrown);
  const status = statusOf(thrown);
  if (status === undefined && !isPullProgressError(thrown)) return unreachable(thrown, message, host);
  if (/does not provide the specified platform|no match for platform|no matching manifest/i.test(message)) {
    return new UserError('BAN-E505', `cannot ${action.verb} ${action.subject}: ${message}`, {
      hint: 'build and push the image for this platform too, or name a platform it has with --platform',
      cause: thrown,
    });
  }
  if (action.verb === 'pull') return pullFailure(message, action.subject, thrown);
  return new UserError('BAN-E602', `cannot ${action.verb} ${action.subject}: ${message}`, {
    hint: hintFor(message),
    cause: thrown,
  });
}

/** The HTTP status of an engine's answer, `undefined` for anything that never got one. */
export function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('statusCode' in thrown)) return undefined;
  return typeof thrown.statusCode === 'number' ? thrown.statusCode : undefined;
}

/** An error that the engine reported inside a pull's progress lines, where the status was 200 already. */
export class PullProgressError extends Error {}

function isPullProgressError(thrown: unknown): boolean {
  return thrown instanceof PullProgressError;
}

/** dockerode writes `(HTTP code 404) no such container - TEXT `; users need TEXT only. */
function engineWords(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'json' in thrown) {
    const { json } = thrown;
    if (typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string')
      return json.message.trim();
  }
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/^\(HTTP code \d+\) [^-]*- /, '').trim();
}

function unreachable(thrown: unknown, message: string, host: EngineHost): UserError {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;
  const source =
    host.from === 'DOCKER_HOST'
      ? ' (named by DOCKER_HOST)'
      : host.from === 'context'
        ? ` (Docker's context "${host.context ?? ''}")`
        : '';
  const hint =
    code === 'EACCES'
      ? 'this user may not use the socket: add it to the group docker and log in again, or use rootless Docker'
      : host.from === 'DOCKER_HOST'
        ? 'start that engine, or unset DOCKER_HOST to use the one of this machine'
        : 'start Docker (Linux: sudo systemctl start docker; macOS, Windows: Docker Desktop), then try again';
  return new UserError(
    'BAN-E202',
    `the Docker engine at ${host.address}${source} does not answer: ${message || String(code)}`,
    { hint, cause: thrown },
  );
}

function pullFailure(message: string, reference: string, cause: unknown): UserError {
  const sentence = `cannot pull ${reference}: ${message}`;
  if (/unauthorized|authentication required|denied|no basic auth credentials|\b40[13]\b/i.test(message)) {
    return new UserError('BAN-E302', sentence, {
      hint: `log in to the registry with: docker login ${reference.split('/')[0] ?? ''}`,
      cause,
    });
  }
  if (
    /connection refused|no such host|i\/o timeout|context deadline|no route to host|EOF|connection reset|TLS handshake|server gave HTTP response/i.test(
      message,
    )
  ) {
    return new UserError('BAN-E301', sentence, {
      hint: 'see that the registry runs and that this engine may use it (a plain http registry must be in insecure-registries)',
      cause,
    });
  }
  if (/not found|manifest unknown|does not exist|invalid reference/i.test(message)) {
    return new UserError('BAN-E303', sentence, { hint: 'push the image first, and look at its name and tag', cause });
  }
  return new UserError('BAN-E304', sentence, { cause });
}

function hintFor(message: string): string | undefined {
  if (/minimum memory limit/i.test(message)) return 'give the function more memory in limits.memory';
  if (/no such image/i.test(message)) return 'pull or build the image first';
  if (/exec format error/i.test(message))
    return 'the image holds programs for another processor and emulation for it is missing';
  if (/executable file not found|no such file or directory/i.test(message))
    return "the image's entrypoint names a program that is not in the image";
  if (/port is already allocated|address already in use/i.test(message))
    return 'another program took the port: try again';
  return undefined;
}
