import type { DockerfileFacts } from '../dockerfile.ts';
import type { BuildDescription } from '../recipe/description.ts';

/** A line of a Dockerfile that asks for something else than build.json. */
export interface Disagreement {
  readonly line: number;
  readonly text: string;
}

/**
 * What the templates' own build stages run, each a whole command: those of a project that runs more in them, before, after or
 * in the midst, cannot be built without a container.
 */
const ownCommand =
  /^(?:[A-Z_]+=\S* )*(?:npm ci(?: --[\w-]+)*|node build\.mjs (?:install|bundle)(?: \S+)*|go build(?: \S+)*|bantam-build (?:download|compile)(?: \S+)*|rm function\/build\.json)$/;

/** Whether a RUN does nothing but what the recipes do. */
function isOwnRun(text: string): boolean {
  // Lines that a backslash joins are one; readDockerfile leaves it there.
  const command = text
    .replace(/\\\s/g, ' ')
    .replace(/^RUN\s+/i, '')
    .replace(/^(?:--\S+\s+)*/, '');
  return command
    .split('&&')
    .every((part) => ownCommand.test(part.trim().replace(/\s+/g, ' ')) && !/[;|`<>]|\$\(/.test(part));
}

/**
 * A project may have changed the Dockerfile of its template, and then build.json does not tell all of it any more. Finds the
 * first instruction that makes another image than build.json says, or runs something else than the template's own programs.
 */
export function findDisagreement(
  { stages }: DockerfileFacts,
  { image }: Pick<BuildDescription, 'image'>,
): Disagreement | undefined {
  const last = stages.at(-1);
  if (last === undefined) return { line: 1, text: 'it has no FROM' };
  for (const stage of stages.slice(0, -1))
    for (const { keyword, text, line } of stage.instructions)
      if ((keyword === 'RUN' && !isOwnRun(text)) || keyword === 'ADD') return { line, text };
  const left = new Map(Object.entries(settingsOf(image)));
  for (const { keyword, text, line } of last.instructions) {
    const value = text.replace(/^\S+\s*/, '');
    if (keyword === 'COPY' && /^(?:--link )?--from=\S+ \/out\/root\/ \/$/.test(value)) continue;
    for (const [name, found] of readInstruction(keyword, value)) {
      if (left.get(name) !== found) return { line, text };
      left.delete(name);
    }
  }
  const [forgotten] = left.keys();
  return forgotten === undefined ? undefined : { line: lastLine(last.instructions), text: `it has no ${forgotten}` };
}

function lastLine(instructions: readonly { readonly line: number }[]): number {
  return instructions.at(-1)?.line ?? 1;
}

/** The settings of build.json, each as one text. */
function settingsOf(image: BuildDescription['image']): Record<string, string> {
  const pairs = (kind: string, values: Readonly<Record<string, string>>): [string, string][] =>
    Object.entries(values).map(([name, value]) => [`${kind} ${name}`, value]);
  return {
    WORKDIR: image.workingDirectory,
    USER: image.user,
    ENTRYPOINT: JSON.stringify(image.entrypoint),
    CMD: JSON.stringify(image.cmd),
    ...Object.fromEntries(image.exposedPorts.map((port) => [`EXPOSE ${port}`, ''])),
    ...Object.fromEntries([...pairs('ENV', image.environment), ...pairs('LABEL', image.labels)]),
  };
}

/** One instruction in the same words; an unknown one is something that build.json never says. */
function readInstruction(keyword: string, value: string): [string, string][] {
  switch (keyword) {
    case 'WORKDIR':
    case 'USER':
      return [[keyword, value]];
    case 'ENTRYPOINT':
    case 'CMD':
      return [[keyword, readList(value)]];
    case 'EXPOSE':
      return value.split(' ').map((port) => [`EXPOSE ${port.includes('/') ? port : `${port}/tcp`}`, '']);
    case 'ENV':
    case 'LABEL':
      return readPairs(value).map(([name, text]) => [`${keyword} ${name}`, text]);
    default:
      return [[keyword, value]];
  }
}

function readList(value: string): string {
  try {
    const list: unknown = JSON.parse(value);
    return JSON.stringify(list);
  } catch {
    return value; // The shell form, which build.json never means.
  }
}

/** `NAME=value NAME="value"`. */
function readPairs(value: string): [string, string][] {
  return [...value.matchAll(/([^\s=]+)=(?:"([^"]*)"|'([^']*)'|(\S*))/g)].map(
    ([, name = '', double, single, bare]): [string, string] => [name, double ?? single ?? bare ?? ''],
  );
}
