import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import dockerignore from '@balena/dockerignore';

/**
 * What the .dockerignore of a build context keeps from the builder, as Docker reads it (docs.docker.com/build/concepts/context):
 * a build without Docker leaves out the same. The path is relative to the context.
 */
export async function readIgnored(context: string): Promise<(path: string) => boolean> {
  const text = await readFile(join(context, '.dockerignore'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const rules = dockerignore.default().add(text.split(/\r?\n/));
  return (path) => rules.ignores(path);
}
