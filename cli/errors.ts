/**
 * Every expected failure has one of these codes. The code never changes its meaning and is explained in error-explanations.ts,
 * from which docs/errors.md is generated. The exit code is what a script sees; see {@link exitCodes}.
 */
export const errorCodes = {
  'BAN-E001': { exit: 2, title: 'wrong usage of the command line' },
  'BAN-E002': { exit: 2, title: 'nothing matches the given names' },
  'BAN-E003': { exit: 1, title: 'a file could not be read or written' },
  'BAN-E004': { exit: 1, title: 'another bantam is using the same file' },
  'BAN-E101': { exit: 2, title: 'no stack file found' },
  'BAN-E102': { exit: 2, title: 'the stack file is not valid' },
  'BAN-E103': { exit: 2, title: 'invalid function name' },
  'BAN-E104': { exit: 1, title: 'the function exists already' },
  'BAN-E105': { exit: 2, title: 'the handler folder is missing' },
  'BAN-E108': { exit: 2, title: 'unknown target' },
  'BAN-E109': { exit: 2, title: 'the target does not fit the stack' },
  'BAN-E111': { exit: 2, title: 'unknown template' },
  'BAN-E112': { exit: 2, title: 'the template is not valid' },
  'BAN-E113': { exit: 2, title: 'invalid source of templates' },
  'BAN-E114': { exit: 1, title: 'the source of a template cannot be read' },
  'BAN-E115': { exit: 4, title: 'the source of a template refuses the credentials' },
  'BAN-E116': { exit: 1, title: 'the source has no such template' },
  'BAN-E117': { exit: 1, title: 'a template differs from its lock' },
  'BAN-E201': { exit: 1, title: 'docker is not installed' },
  'BAN-E202': { exit: 1, title: 'the Docker engine does not answer' },
  'BAN-E203': { exit: 1, title: 'docker buildx is missing' },
  'BAN-E204': { exit: 1, title: 'this engine cannot build several platforms' },
  'BAN-E205': { exit: 1, title: 'a build step needs emulation that is not there' },
  'BAN-E206': { exit: 1, title: 'the build failed' },
  'BAN-E207': { exit: 1, title: 'the handler does not compile' },
  'BAN-E208': { exit: 1, title: 'the built image is not what was asked for' },
  'BAN-E209': { exit: 2, title: 'invalid platform' },
  'BAN-E210': { exit: 1, title: 'a base image cannot be read' },
  'BAN-E211': { exit: 2, title: 'the template cannot be built for this platform' },
  'BAN-E212': { exit: 1, title: 'git is not installed' },
  'BAN-E213': { exit: 2, title: 'unknown build option' },
  'BAN-E214': { exit: 1, title: 'the builder cannot keep this cache' },
  'BAN-E215': { exit: 1, title: 'a build secret cannot be read' },
  'BAN-E216': { exit: 2, title: 'a path cannot be copied into the functions' },
  'BAN-E217': { exit: 2, title: 'the image cannot be tagged so' },
  'BAN-E218': { exit: 1, title: 'it cannot be told what changed' },
  'BAN-E219': { exit: 1, title: 'no such builder' },
  'BAN-E220': { exit: 2, title: 'this cannot be built without Docker' },
  'BAN-E221': { exit: 1, title: 'the image lacks its base image' },
  'BAN-E222': { exit: 1, title: 'Go is not installed' },
  'BAN-E301': { exit: 1, title: 'the registry does not answer' },
  'BAN-E302': { exit: 4, title: 'the registry refuses the credentials' },
  'BAN-E303': { exit: 1, title: 'no such image in the registry' },
  'BAN-E304': { exit: 1, title: 'the registry answered something unexpected' },
  'BAN-E305': { exit: 2, title: 'invalid image reference' },
  'BAN-E306': { exit: 1, title: 'the image is damaged' },
  'BAN-E307': { exit: 1, title: 'the image does not run on the platform it names' },
  'BAN-E308': { exit: 1, title: 'the registry limits how often it is asked' },
  'BAN-E309': { exit: 2, title: 'nobody can push under this name' },
  'BAN-E401': { exit: 1, title: 'the gateway does not answer' },
  'BAN-E402': { exit: 4, title: 'the gateway refuses the credentials' },
  'BAN-E403': { exit: 1, title: 'this is not an OpenFaaS gateway' },
  'BAN-E404': { exit: 1, title: 'no such function on the gateway' },
  'BAN-E405': { exit: 1, title: 'the gateway reports an error' },
  'BAN-E406': { exit: 2, title: 'invalid gateway address' },
  'BAN-E409': { exit: 1, title: 'the cluster does not tell the login of its gateway' },
  'BAN-E501': { exit: 1, title: 'the gateway refused the deployment' },
  'BAN-E502': { exit: 8, title: 'the new code did not answer in time' },
  'BAN-E503': { exit: 1, title: 'the function was never built or pushed' },
  'BAN-E504': { exit: 8, title: 'somebody else deployed the function meanwhile' },
  'BAN-E505': { exit: 1, title: 'the image lacks a platform the gateway needs' },
  'BAN-E506': { exit: 1, title: 'a secret the function needs does not exist' },
  'BAN-E507': { exit: 8, title: 'nothing proves that the new code answers' },
  'BAN-E601': { exit: 1, title: 'the port is taken' },
  'BAN-E602': { exit: 1, title: 'the container cannot be started' },
  'BAN-E603': { exit: 1, title: 'the function did not become healthy' },
  'BAN-E604': { exit: 2, title: 'invalid secret name' },
  'BAN-E605': { exit: 1, title: 'the secret exists already' },
  'BAN-E606': { exit: 1, title: 'no such secret on the gateway' },
  'BAN-E607': { exit: 1, title: 'the gateway refused the secret' },
  'BAN-E608': { exit: 1, title: 'the secret is in use' },
  'BAN-E609': { exit: 2, title: 'the value of a secret is missing or cannot be used' },
  'BAN-E610': { exit: 1, title: 'the image was not built by you' },
  'BAN-E611': { exit: 1, title: 'the process of a function cannot be started, or ended' },
  'BAN-E612': { exit: 1, title: 'this image needs a container' },
  'BAN-E613': { exit: 1, title: 'the image cannot be unpacked' },
  'BAN-E620': { exit: 2, title: 'no address of this machine' },
  'BAN-E625': { exit: 1, title: 'the state of the local gateway is damaged' },
  'BAN-E626': { exit: 1, title: 'the state of the local gateway cannot be written' },
  'BAN-E627': { exit: 1, title: 'no local gateway runs' },
  'BAN-E628': { exit: 1, title: 'the local gateway did not come up' },
  'BAN-E629': { exit: 1, title: 'the local gateway does not end' },
  'BAN-E630': { exit: 2, title: 'the local gateway does not speak like that' },
  'BAN-E635': { exit: 1, title: 'the folder of the local registry cannot be used' },
  'BAN-E640': { exit: 1, title: 'a unit test failed' },
  'BAN-E641': { exit: 1, title: 'the function breaks what every function promises' },
  'BAN-E642': { exit: 1, title: 'an answer is not what its example expects' },
  'BAN-E643': { exit: 2, title: 'a file of examples is not valid' },
  'BAN-E644': { exit: 1, title: 'the function does not start' },
  'BAN-E645': { exit: 1, title: 'the unit tests cannot be run' },
  'BAN-E646': { exit: 1, title: 'a test did not end in time' },
} as const;

/** A stable, documented name of an expected failure. */
export type ErrorCode = keyof typeof errorCodes;

/** What the process exits with. Several functions: the gravest decides, in the order bug, authentication, notReady, failure. */
export const exitCodes = {
  done: 0,
  failure: 1,
  usage: 2,
  authentication: 4,
  notReady: 8,
  bug: 70,
  interrupted: 130,
} as const;

/** One of {@link exitCodes}, or a code that a called program handed through. */
export type ExitCode = number;

/** A place in one of the user's files, and what is wrong there. `file` is absolute; lines and columns are 1-based. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column?: number | undefined;
  readonly message: string;
}

/** What else an error may carry. `hint`: what to do next, as a sentence or a command. `details`: lines worth showing below (a compiler's output, log lines). `places`: the places that they name. */
export interface UserErrorOptions {
  readonly hint?: string | undefined;
  readonly details?: readonly string[] | undefined;
  readonly places?: readonly Place[] | undefined;
  readonly cause?: unknown;
}

/** An expected failure: the user, a file or a machine out there is at fault, and a sentence can say so. Anything else thrown is a bug in bantam. */
export class UserError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: readonly string[];
  readonly places: readonly Place[];

  constructor(code: ErrorCode, message: string, options: UserErrorOptions = {}) {
    super(shorten(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.code = code;
    this.hint = options.hint === undefined ? undefined : shorten(options.hint);
    this.details = (options.details ?? []).map(shorten);
    this.places = options.places ?? [];
  }

  /** The exit code that belongs to the error's code. */
  get exit(): ExitCode {
    return errorCodes[this.code].exit;
  }
}

/** What is quoted in a sentence may be a megabyte of somebody else's. */
const longestSentence = 2000;

function shorten(text: string): string {
  return text.length <= longestSentence ? text : `${text.slice(0, longestSentence)}… (${text.length} characters)`;
}

/** Thrown by waits that were aborted by the user (Ctrl-C). It is no failure of anything: exit 130, no message of its own. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** The serialisable face of a failure, as outcomes and `--json` documents carry it. */
export interface Failure {
  readonly code: ErrorCode | 'BAN-BUG' | 'BAN-INTERRUPTED';
  readonly message: string;
  readonly hint?: string;
  readonly details?: readonly string[];
  readonly places?: readonly Place[];
}

/** Turns anything thrown into the {@link Failure} that reporters show. A stack is added only to bugs. */
export function describeFailure(thrown: unknown): Failure {
  if (thrown instanceof UserError) {
    return {
      code: thrown.code,
      message: thrown.message,
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
      ...(thrown.details.length === 0 ? {} : { details: thrown.details }),
      ...(thrown.places.length === 0 ? {} : { places: thrown.places }),
    };
  }
  if (thrown instanceof Interrupted) return { code: 'BAN-INTERRUPTED', message: 'interrupted' };
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const file = fileTrouble(error);
  if (file !== undefined) return file;
  return {
    code: 'BAN-BUG',
    message: error.message,
    details: (error.stack ?? '')
      .split('\n')
      .slice(1)
      .map((line) => line.trim()),
  };
}

/** What the file system refuses is no bug: a full disk, a read-only folder, a missing TMPDIR. */
function fileTrouble(error: Error): Failure | undefined {
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  const [words, advice] = fileTroubles[code] ?? [];
  if (words === undefined || advice === undefined || path === undefined || syscall === undefined) return undefined;
  return { code: 'BAN-E003', message: `${path}: ${words}`, hint: `${advice} (${syscall} says ${code})` };
}

/** What each means, and what to do about it. */
const fileTroubles: Readonly<Record<string, readonly [string, string]>> = {
  EACCES: ['permission denied', 'look at the rights of the file and of the folders above it: ls -ld'],
  EPERM: ['not permitted', 'look at the rights of the file and of the folders above it: ls -ld'],
  EROFS: ['the file system is read-only', 'work in a folder that can be written'],
  ENOSPC: ['no space left on the disk', 'make room: df -h shows which disk is full'],
  EDQUOT: ['the disk quota is used up', 'make room: quota shows what is allowed'],
  ENOENT: ['no such file or folder', 'check the spelling'],
  ENOTDIR: ['a part of the path is no folder', 'check the spelling'],
  EISDIR: ['it is a folder', 'name a file in it'],
  EEXIST: ['it exists already', 'move it away'],
  ENAMETOOLONG: ['the name is too long', 'choose a shorter one'],
  ELOOP: ['too many links', 'look where the links lead: ls -l'],
  EMFILE: ['too many open files', 'allow more: ulimit -n 4096'],
  EIO: ['the disk reports an error', 'look at the kernel’s log: dmesg'],
};

/** The exit code of a {@link Failure}. */
export function exitCodeOf(failure: Failure): ExitCode {
  if (failure.code === 'BAN-BUG') return exitCodes.bug;
  if (failure.code === 'BAN-INTERRUPTED') return exitCodes.interrupted;
  return errorCodes[failure.code].exit;
}

const gravity: readonly ExitCode[] = [
  exitCodes.interrupted,
  exitCodes.bug,
  exitCodes.authentication,
  exitCodes.notReady,
  exitCodes.usage,
  exitCodes.failure,
];

/** Of several exit codes the gravest: 130, 70, 4, 8, 2, 1; 0 if all are 0 or there is none. */
export function gravest(codes: Iterable<ExitCode>): ExitCode {
  const present = new Set(codes);
  return gravity.find((code) => present.has(code)) ?? exitCodes.done;
}

/** The code of a failure of the system (`ENOENT`) or of Node (`ERR_…`), undefined if it has none. Source: nodejs.org/api/errors.html#errorcode. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Whether the system failed for one of these reasons: `failedWith(error, 'ENOENT', 'ENOTDIR')`. */
export function failedWith(error: unknown, ...codes: readonly string[]): boolean {
  const code = systemCode(error);
  return code !== undefined && codes.includes(code);
}
