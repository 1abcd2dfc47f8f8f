import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';

/** What an image starts, and with which variables. */
export interface ImageCommand {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * ENTRYPOINT and ENV of the last stage of a template's Dockerfile, so that the bench starts what the image starts. PATH is
 * left out: it is the image's.
 */
export function readImageCommand(dockerfile: string): ImageCommand {
  const stage = dockerfile.slice(dockerfile.search(/^FROM (?![\s\S]*^FROM )/m));
  const entry = /^ENTRYPOINT (\[.*\])$/m.exec(stage)?.[1];
  if (entry === undefined) throw new Error('the last stage of the Dockerfile has no ENTRYPOINT in JSON form');
  const settings = [...stage.matchAll(/^ENV (\w+)=(\S*)$/gm)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  return {
    command: v.parse(v.pipe(v.array(v.string()), v.minLength(1)), JSON.parse(entry)),
    environment: Object.fromEntries(settings.filter(([name]) => name !== 'PATH')),
  };
}

/** A path of the image as a path of this machine, when the tree that was built has it; anything else as it is. */
export function intoTree(root: string, argument: string): string {
  const inside = join(root, argument);
  return argument.startsWith('/') && existsSync(inside) ? inside : argument;
}
