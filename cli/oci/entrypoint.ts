import type { ImageConfig } from './config.ts';
import type { ElfFile } from './elf-segments.ts';
import { type LayerReader, type Resolved, resolvePath } from './file-tree.ts';
import { afterScript, isShell, type Launch, scriptOf, whatItLaunches } from './launchers.ts';
import { explainForbidden } from './permission.ts';
import { normalisePlatform } from './platform.ts';

/** A machine program that is started on the way. */
export interface StartedProgram {
  readonly path: string;
  readonly elf: ElfFile;
  /** What the kernel starts in its place (PT_INTERP), where it has such a thing and names it within the bytes read. */
  readonly loader?: DynamicLoader;
  /** False where something else may come first and end it all: then its being wrong proves nothing. */
  readonly sure: boolean;
}

/** A dynamic loader as the image has it. `problem`: why it cannot be started, as a clause after its path. */
export type DynamicLoader =
  | { readonly path: string; readonly elf: ElfFile }
  | { readonly path: string; readonly problem: string };

/** What starts when a container of the image starts, found by reading the image alone. */
export interface Program {
  /** Every machine program on the way, in order: for `#!/usr/bin/env node` first env, then node. All of them must fit the platform. */
  readonly programs: readonly StartedProgram[];
  /** The way, for people: `docker-entrypoint.sh`, `/usr/local/bin/docker-entrypoint.sh`, `/bin/sh`, `/usr/bin/dash`. */
  readonly via: readonly string[];
  /** Why no program was found at the end of the way; undefined if one was. */
  readonly problem: string | undefined;
  /** Whether the problem surely keeps it from starting, on any machine. */
  readonly fatal: boolean;
  /** What was left unread though a program was found: "what /bin/sh starts was not followed". */
  readonly note: string | undefined;
}

/**
 * Finds the program that an image starts: Entrypoint and Cmd, PATH and WorkingDir, links, `#!` scripts, and programs that only start others.
 * `layers`: digests, lowest first, for `reader`. Reads only as much of the layers as the way needs. Throws what `reader` throws.
 */
export async function findProgram(
  config: ImageConfig,
  layers: readonly string[],
  reader: LayerReader,
): Promise<Program> {
  const { Entrypoint, Cmd, Env, User, WorkingDir } = config.config;
  const environment = new Map(Env.map((line) => splitVariable(line)));
  const folder = WorkingDir === '' ? '/' : WorkingDir;
  const search = searchPath(environment.get('PATH') ?? defaultPath);
  const resolve = (path: string) => resolvePath(reader, layers, path.startsWith('/') ? path : `${folder}/${path}`);
  const way: { programs: StartedProgram[]; via: string[] } = { programs: [], via: [] };
  const stop = (problem: string, fatal: boolean): Program => ({ ...way, problem, fatal, note: undefined });
  const end = (note?: string): Program => ({ ...way, problem: undefined, fatal: false, note });

  let next: Launch = { argv: [...Entrypoint, ...Cmd], certain: true, sure: true };
  if ((next.argv[0] ?? '') === '') return stop('the image names no program: it has neither ENTRYPOINT nor CMD', true);
  // Its layers lie in other registries, and hold nothing for Linux.
  if (normalisePlatform(config.platform).os === 'windows') return stop('it is an image for Windows', true);
  if (!folder.startsWith('/')) return stop(`its working folder "${folder}" does not begin with a slash`, true);
  // A kernel refuses what is neither program nor script; a shell or env may still run it as a script.
  let byKernel = true;
  let scripts = 0;
  let script: { readonly ends: readonly string[] | undefined; readonly args: readonly string[] } | undefined;
  for (let step = 0; step < maximumSteps; step += 1) {
    const { argv, certain, sure } = next;
    const name = argv[0] ?? '';
    const found = await locate(name, search, resolve);
    if (!certain && (found.kind !== 'file' || !found.node.executable))
      return end(`"${name}" was not found: ${explainMiss(name, found)}`);
    way.via.push(step === 0 || certain ? name : `${name} (from a command line)`);
    if (found.kind !== 'file') return stop(explainMiss(name, found), sure);
    if (found.path !== name) way.via.push(found.path);
    if (!found.node.executable) return stop(`${found.path} is not executable`, sure);
    const forbidden = explainForbidden(found.node.restricted, User);
    if (forbidden !== undefined) return stop(`${found.path} ${forbidden.why}`, sure && forbidden.certain);
    const { start } = found.node;
    switch (start.kind) {
      case 'elf': {
        way.programs.push({ path: found.path, elf: start.elf, ...(await findLoader(start.elf, resolve)), sure });
        if (/\/busybox$/.test(found.path) && /(?:^|\/)env$/.test(name) && /^-(?:[iv0]*S|-split)/.test(argv[1] ?? ''))
          return stop(`${name} is busybox, whose env does not know ${argv[1]?.split(/[ =]/, 1)[0]}`, sure);
        const given = isShell(name) && script === undefined ? scriptOf(argv) : undefined;
        if (given !== undefined) {
          const file = await resolve(given.path);
          if (file.kind !== 'file')
            return stop(explainMiss(given.path.includes('/') ? given.path : `./${given.path}`, file), sure);
          script = { ends: file.node.start.kind === 'script' ? file.node.start.ends : undefined, args: given.args };
        }
        const launched =
          isShell(name) && script !== undefined
            ? afterScript(script.ends, script.args)
            : whatItLaunches(argv, environment);
        if (launched === undefined)
          return end(isShell(name) && argv.length > 1 ? `what ${name} runs was not followed` : undefined);
        // A script of a script: what its end starts is as unsure as all before it.
        next = { ...launched, certain: launched.certain && sure, sure: launched.sure && sure };
        if (isShell(name)) script = undefined;
        byKernel = false;
        scripts = 0;
        break;
      }
      case 'script': {
        const line = parseInterpreterLine(start.line);
        if (line === undefined)
          return stop(
            `the first line of ${found.path} names no interpreter`,
            sure && byKernel && start.line !== undefined,
          );
        if (line.interpreter.endsWith('\r') || line.argument?.endsWith('\r') === true) {
          return stop(
            `the first line of ${found.path} ends with CR LF, so Linux looks for an interpreter whose name ends with CR`,
            sure,
          );
        }
        scripts += 1;
        if (scripts > maximumScripts) return stop(`more than ${maximumScripts} scripts start one another`, sure);
        script = { ends: start.ends, args: argv.slice(1) };
        const own = line.argument === undefined ? [] : [line.argument];
        next = { argv: [line.interpreter, ...own, found.path, ...argv.slice(1)], certain: true, sure };
        break;
      }
      case 'empty':
        return stop(`${found.path} is empty`, sure && byKernel);
      case 'other':
        return stop(`${found.path} is neither an ELF program nor a script that begins with #!`, sure && byKernel);
    }
  }
  return stop(`more than ${maximumSteps} programs start one another`, false);
}

/** What container engines set when the image has no PATH. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function searchPath(text: string): readonly string[] {
  return text === '' ? [] : text.split(':');
}

/** Linux follows five `#!` lines (fs/exec.c, `exec_binprm`). */
const maximumScripts = 5;

/** With launchers. */
const maximumSteps = 16;

async function findLoader(
  { start }: ElfFile,
  resolve: (path: string) => Promise<Resolved>,
): Promise<{ readonly loader?: DynamicLoader }> {
  if (start.kind !== 'read' || start.loader === undefined) return {};
  const path = start.loader;
  const found = await resolve(path);
  const shown = found.path === path || found.kind !== 'file' ? path : `${path} (${found.path})`;
  if (found.kind !== 'file') return { loader: { path, problem: explainAbsence(found) } };
  if (!found.node.executable) return { loader: { path: shown, problem: 'is not executable' } };
  if (found.node.start.kind !== 'elf') return { loader: { path: shown, problem: 'is no ELF program' } };
  return { loader: { path: shown, elf: found.node.start.elf } };
}

/** A name with a slash is a path; any other is searched in PATH, where only executable files count (execvp(3)). */
async function locate(
  name: string,
  search: readonly string[],
  resolve: (path: string) => Promise<Resolved>,
): Promise<Resolved> {
  if (name.includes('/')) return resolve(name);
  let best: Resolved = { kind: 'absent', path: name, why: 'missing' };
  for (const folder of search) {
    const found = await resolve(`${folder === '' ? '.' : folder}/${name}`);
    if (found.kind === 'file' && found.node.executable) return found;
    if (found.kind === 'file' || (found.kind === 'absent' && found.why === 'loop')) best = found;
  }
  return best;
}

function explainMiss(name: string, found: Resolved): string {
  if (found.kind === 'file') return `${found.path} is not executable`;
  if (found.kind !== 'absent') return `${found.path} ${explainAbsence(found)}`;
  const where = name.includes('/')
    ? found.path === name
      ? name
      : `${name} (${found.path})`
    : `${name}, looked for in PATH,`;
  return `${where} ${explainAbsence(found)}`;
}

function explainAbsence(found: Exclude<Resolved, { kind: 'file' }>): string {
  if (found.kind !== 'absent') return `is a ${found.kind === 'directory' ? 'folder' : 'device'}, no program`;
  switch (found.why) {
    case 'missing':
      return 'is not in the image';
    case 'deleted':
      return 'is not in the image: a layer deletes it';
    case 'loop':
      return 'is a link that leads in a circle';
    case 'not a folder':
      return 'is not in the image: a part of the path is no folder';
  }
}

/** `/bin/sh -e` → interpreter and its one argument, which Linux does not split (execve(2), "Interpreter scripts"). */
function parseInterpreterLine(
  line: string | undefined,
): { interpreter: string; argument: string | undefined } | undefined {
  const match = /^[ \t]*([^ \t]+)(?:[ \t]+(.*?))?[ \t]*$/s.exec(line ?? '');
  const [, interpreter, argument] = match ?? [];
  return interpreter === undefined ? undefined : { interpreter, argument: argument === '' ? undefined : argument };
}

function splitVariable(line: string): readonly [string, string] {
  const equals = line.indexOf('=');
  return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)];
}
