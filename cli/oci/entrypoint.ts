import type { ImageConfig } from './config.ts';
import type { ElfHeader } from './elf.ts';
import { type LayerReader, type Resolved, resolvePath } from './file-tree.ts';
import { whatItLaunches } from './launchers.ts';

/** What starts when a container of the image starts, found by reading the image alone. */
export interface Program {
  /** Every machine program on the way, in order: for `#!/usr/bin/env node` first env, then node. All of them must fit the platform. */
  readonly programs: readonly { readonly path: string; readonly elf: ElfHeader }[];
  /** The way, for people: `docker-entrypoint.sh`, `/usr/local/bin/docker-entrypoint.sh`, `/bin/sh`, `/usr/bin/dash`. */
  readonly via: readonly string[];
  /** Why no program was found at the end of the way; undefined if one was. */
  readonly problem: string | undefined;
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
  const environment = new Map(config.config.Env.map((line) => splitVariable(line)));
  const folder = config.config.WorkingDir === '' ? '/' : config.config.WorkingDir;
  const search = (environment.get('PATH') ?? defaultPath).split(':');
  const resolve = (path: string) => resolvePath(reader, layers, path.startsWith('/') ? path : `${folder}/${path}`);
  const way: { programs: { path: string; elf: ElfHeader }[]; via: string[] } = { programs: [], via: [] };
  const end = (problem?: string, note?: string): Program => ({ ...way, problem, note });

  let argv: readonly string[] = [...config.config.Entrypoint, ...config.config.Cmd];
  let certain = true;
  if ((argv[0] ?? '') === '') return end('the image names no program: it has neither ENTRYPOINT nor CMD');
  for (let step = 0; step < maximumSteps; step += 1) {
    const name = argv[0] ?? '';
    const found = await locate(name, search, resolve);
    if (!certain && (found.kind !== 'file' || !found.node.executable))
      return end(undefined, `"${name}" was not found: ${explainMiss(name, found)}`);
    step === 0 || certain ? way.via.push(name) : way.via.push(`${name} (from a command line)`);
    if (found.kind !== 'file') return end(explainMiss(name, found));
    if (found.path !== name) way.via.push(found.path);
    if (!found.node.executable) return end(`${found.path} is not executable`);
    const { start } = found.node;
    switch (start.kind) {
      case 'elf': {
        way.programs.push({ path: found.path, elf: start.elf });
        const next = whatItLaunches(argv, environment);
        if (next === undefined) return end(undefined, isShell(name) ? `what ${name} runs was not followed` : undefined);
        ({ argv, certain } = next);
        break;
      }
      case 'script': {
        const line = parseInterpreterLine(start.line);
        if (line === undefined) return end(`the first line of ${found.path} names no interpreter`);
        if (line.interpreter.endsWith('\r') || line.argument?.endsWith('\r') === true) {
          return end(
            `the first line of ${found.path} ends with CR LF, so Linux looks for an interpreter whose name ends with CR`,
          );
        }
        argv = [
          line.interpreter,
          ...(line.argument === undefined ? [] : [line.argument]),
          found.path,
          ...argv.slice(1),
        ];
        certain = true;
        break;
      }
      case 'empty':
        return end(`${found.path} is empty`);
      case 'other':
        return end(`${found.path} is neither an ELF program nor a script that begins with #!`);
    }
  }
  return end(`more than ${maximumSteps} programs start one another`);
}

/** What container engines set when the image has no PATH. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Linux follows five `#!` lines; launchers come on top. */
const maximumSteps = 10;

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
  if (found.kind !== 'absent')
    return `${found.path} is a ${found.kind === 'directory' ? 'folder' : 'device'}, no program`;
  const where = name.includes('/')
    ? found.path === name
      ? name
      : `${name} (${found.path})`
    : `${name}, looked for in PATH,`;
  switch (found.why) {
    case 'missing':
      return `${where} is not in the image`;
    case 'deleted':
      return `${where} is not in the image: a layer deletes it`;
    case 'loop':
      return `${where} is a link that leads in a circle`;
    case 'not a folder':
      return `${where} is not in the image: a part of the path is no folder`;
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

function isShell(name: string): boolean {
  return /(?:^|\/)(?:ba|da|a|z)?sh$/.test(name);
}
