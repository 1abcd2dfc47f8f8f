import { simpleCommand } from './shell-script.ts';

/** What a program that only starts another one is going to start. */
export interface Launch {
  readonly argv: readonly string[];
  /** False where it is read out of a command line that may also mean something else (a shell's builtin): not finding it proves nothing. */
  readonly certain: boolean;
  /** False where something else may come first and end it all (an earlier line of a script): then its being wrong proves nothing either. */
  readonly sure: boolean;
}

/**
 * Looks through programs whose job is to start another: `env`, `tini`, `dumb-init`, `gosu`, `sh -c "simple command"`, and the watchdogs of OpenFaaS
 * (`fprocess`). `argv[0]` is the name it was called by: busybox goes by that. Undefined: it is no such program, or its arguments are beyond us.
 */
export function whatItLaunches(argv: readonly string[], environment: ReadonlyMap<string, string>): Launch | undefined {
  const name = (argv[0] ?? '').slice((argv[0] ?? '').lastIndexOf('/') + 1);
  const rest = argv.slice(1);
  switch (name) {
    case 'env':
      return launch(afterEnvOptions(rest));
    case 'tini':
    case 'tini-static':
    case 'docker-init':
      return launch(afterOptions(rest, ['-p', '-e']));
    case 'dumb-init':
      return launch(afterOptions(rest, ['-r', '--rewrite']));
    case 'gosu':
    case 'su-exec':
      return launch(rest.slice(1));
    case 'sh':
    case 'ash':
    case 'dash':
    case 'bash':
      return ofShell(rest);
    case 'fwatchdog':
    case 'of-watchdog': {
      // Deployments may override it, so it is what the image means, not what surely runs.
      const process = words(environment.get('fprocess') ?? environment.get('function_process') ?? '');
      return process.length === 0 ? undefined : { argv: process, certain: false, sure: true };
    }
    default:
      return undefined;
  }
}

function launch(argv: readonly string[] | undefined): Launch | undefined {
  return argv === undefined || argv.length === 0 ? undefined : { argv, certain: true, sure: true };
}

function afterOptions(rest: readonly string[], withArgument: readonly string[]): readonly string[] {
  let index = 0;
  while (rest[index]?.startsWith('-') === true) {
    if (rest[index] === '--') return rest.slice(index + 1);
    index += withArgument.includes(rest[index] ?? '') ? 2 : 1;
  }
  return rest.slice(index);
}

/** env(1): options, then NAME=value, then the program. `-S` splits one word into many, for `#!` lines. */
function afterEnvOptions(rest: readonly string[]): readonly string[] | undefined {
  const [first = ''] = rest;
  const split = /^(?:-[iv]*S|--split-string=)(.*)$/s.exec(first);
  if (split !== null) {
    const [own, others] = split[1] === '' ? [rest[1] ?? '', rest.slice(2)] : [split[1] ?? '', rest.slice(1)];
    return afterEnvOptions([...words(own), ...others]);
  }
  const program = afterOptions(rest, ['-u', '--unset', '-C', '--chdir']);
  const start = program.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word));
  return start < 0 ? undefined : program.slice(start);
}

/** `sh -c 'exec node index.js'`: a simple command is looked through, also the last of `cd /app && node index.js`; anything else is not. */
function ofShell(rest: readonly string[]): Launch | undefined {
  const flag = rest.findIndex((word) => /^-[a-z]*c$/.test(word));
  if (flag < 0 || rest.slice(0, flag).some((word) => !word.startsWith('-'))) return undefined;
  const steps = (rest[flag + 1] ?? '').split(/&&|;/);
  const argv = simpleCommand((steps.at(-1) ?? '').trim());
  if (argv === undefined || argv.length === 0 || argv[0] === '$@') return undefined;
  const alone = steps.length === 1;
  return { argv, certain: alone && (argv[0] ?? '').includes('/'), sure: alone };
}

/** What a script starts at its end. `args`: those it is called with. */
export function afterScript(ends: readonly string[] | undefined, args: readonly string[]): Launch | undefined {
  const argv = ends?.flatMap((word) => (word === '$@' ? args : [word])) ?? [];
  return argv.length === 0 ? undefined : { argv, certain: false, sure: false };
}

/** Whether a program, by the name it is called by, is a shell. */
export function isShell(name: string): boolean {
  return /(?:^|\/)(?:ba|da|a|z|k)?sh$/.test(name);
}

/** The script that a shell is told to run: `/start.sh` of `sh -e /start.sh`. Undefined for `sh -c …`, and for a shell that waits for input. */
export function scriptOf(
  argv: readonly string[],
): { readonly path: string; readonly args: readonly string[] } | undefined {
  const at = argv.findIndex((word, index) => index > 0 && !word.startsWith('-'));
  const path = argv[at];
  if (path === undefined || argv.slice(1, at).some((word) => /^-[a-z]*[co]$/.test(word))) return undefined;
  return { path, args: argv.slice(at + 1) };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
