import { systemCode, UserError } from '../../errors.ts';

/** How a process ended by itself. `lines` are the last ones that it wrote. */
export interface ProcessEnding {
  readonly subject: string;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was killed for holding so many bytes, with a limit of so many. */
  readonly outOfMemory?: { readonly held: number; readonly limit: number } | undefined;
  readonly lines: readonly string[];
}

/** Says why a process ended: out of memory in Kubernetes' word for it, a signal, or its own exit code with its last words. Pure. */
export function explainEnd({ subject, exitCode, signal, outOfMemory, lines }: ProcessEnding): UserError {
  if (outOfMemory !== undefined) {
    const [held, limit] = [outOfMemory.held, outOfMemory.limit].map(inMebibytes);
    return new UserError(
      'BAN-E611',
      `${subject} was killed: out of memory (OOMKilled, exit code 137): it held ${held} and its limit is ${limit}`,
      { hint: 'raise limits.memory, or look for what keeps the memory', details: lines },
    );
  }
  const words = lines.length === 0 ? ' without a word' : '';
  const death = signal === null ? `exited (exit code ${exitCode ?? 'unknown'})` : `was ended by ${signal}`;
  return new UserError('BAN-E611', `${subject} ${death}${words}`, { details: lines });
}

function inMebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** Says why a process could not be started at all, from what the system said. Pure. */
export function explainStart(subject: string, program: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined || error instanceof UserError) return error;
  const known = startFailures[code];
  const reason = known?.reason ?? (error instanceof Error ? error.message : code);
  return new UserError('BAN-E611', `${subject} could not be started: ${program}: ${reason}`, {
    hint: known?.hint,
    cause: error,
  });
}

const startFailures: Readonly<Record<string, { readonly reason: string; readonly hint: string }>> = {
  ENOENT: {
    reason: 'the program, or the loader or interpreter that it names, is not there',
    hint: 'look at the ENTRYPOINT of the Dockerfile and at the first line of scripts; Go: CGO_ENABLED=0',
  },
  EACCES: {
    reason: 'it may not be executed',
    hint: 'COPY --chmod=755 makes it executable; so does a project folder on a disk that is not mounted with noexec',
  },
  EAGAIN: { reason: 'the system has no more processes for you', hint: 'scale something down, or raise ulimit -u' },
  ENOMEM: { reason: 'no memory is left', hint: 'scale something down' },
  EMFILE: { reason: 'too many files are open', hint: 'scale something down, or raise ulimit -n' },
};
