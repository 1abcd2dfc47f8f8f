import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The templates of this repository. */
export const templatesFolder = join(import.meta.dirname, '../../templates');

/** The base images that the templates pin: `NAME=<reference>@sha256:<hex>` of the ARG lines of their Dockerfiles, each once. */
export async function readPinnedBases(folder: string = templatesFolder): Promise<string[]> {
  const references = new Set<string>();
  for (const template of (await readdir(folder)).sort()) {
    const text = await readFile(join(folder, template, 'Dockerfile'), 'utf8').catch(() => '');
    for (const [, reference] of text.matchAll(/^ARG\s+\w+=(\S+@sha256:[0-9a-f]{64})\s*$/gm))
      if (reference !== undefined) references.add(reference);
  }
  return [...references];
}

/**
 * The spellings of a reference that BuildKit may look for as a named context: as written and, because `docker buildx build`
 * shortens the names it is given while a bake file's stay as they are, without Docker Hub's own name.
 */
export function spellingsOf(reference: string): string[] {
  const familiar = reference.replace(/^docker\.io\/(?:library\/)?/, '');
  return familiar === reference ? [reference] : [reference, familiar];
}
