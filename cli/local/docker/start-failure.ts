import { UserError } from '../../errors.ts';
import type { ContainerState } from '../../tools/container-engine.ts';

/** What is known of a container that ended by itself. `lines` are the last ones it wrote; `enginePlatform` is the machine's. */
export interface Ending {
  readonly subject: string;
  readonly state: ContainerState;
  readonly lines: readonly string[];
  readonly platform: string | undefined;
  readonly enginePlatform: string;
}

/** Says why a container ended: out of memory, a program for another processor, or its own exit code with its last words. */
export function explainEnding({ subject, state, lines, platform, enginePlatform }: Ending): UserError {
  const running = state.platform ?? platform ?? enginePlatform;
  if (state.error !== '')
    return new UserError('BAN-E602', `${subject} could not be started: ${state.error}`, { details: lines });
  if (lines.some((line) => /exec format error/i.test(line)))
    return explainFormat(subject, running, enginePlatform, lines);
  if (state.outOfMemory) {
    return new UserError(
      'BAN-E602',
      `${subject} was killed: it used more memory than its limit (exit code ${state.exitCode})`,
      {
        hint: 'raise limits.memory, or look for what keeps the memory',
        details: lines,
      },
    );
  }
  const death = state.exitCode > 128 && state.exitCode < 192 ? `was ended by signal ${state.exitCode - 128}` : 'exited';
  return new UserError(
    'BAN-E602',
    `${subject} ${death} (exit code ${state.exitCode})${lines.length === 0 ? ' without a word' : ''}`,
    { details: lines },
  );
}

function explainFormat(subject: string, running: string, enginePlatform: string, lines: readonly string[]): UserError {
  const sentence =
    running === enginePlatform
      ? `${subject} holds programs for another processor than the ${running} its image names (exec format error)`
      : `${subject} is for ${running} and this engine (${enginePlatform}) cannot run it: no emulation for that processor (exec format error)`;
  const hint =
    running === enginePlatform
      ? 'build the image again; something copied in was built for another platform'
      : 'Debian, Ubuntu: sudo apt install qemu-user-static binfmt-support; elsewhere: docker run --privileged --rm tonistiigi/binfmt --install all';
  return new UserError('BAN-E602', sentence, { hint, details: lines });
}
