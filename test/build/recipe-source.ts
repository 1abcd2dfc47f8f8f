import { join } from 'node:path';
import { bundleFunction } from '../../cli/build/recipe/bundle.ts';
import { compileFunction } from '../../cli/build/recipe/compile.ts';
import { readDescription } from '../../cli/build/recipe/description.ts';
import type { FunctionSource } from '../../cli/build/recipe/function-source.ts';
import { parsePlatform } from '../../cli/oci/platform.ts';
import { runProgram } from '../../cli/tools/exec.ts';
import { makeTemporaryFolder } from '../templates/build-context.ts';

/** Where the messages of these tests say that the user's function is. */
export const handlerFolder = '/home/pi/münchen functions/hello';

/** What the recipe is given for a context; `changes` take the place of single parts. */
export async function sourceOf(context: string, changes: Partial<FunctionSource> = {}): Promise<FunctionSource> {
  return {
    name: 'hello',
    context,
    handler: handlerFolder,
    into: join(await makeTemporaryFolder(), 'root'),
    run: runProgram,
    signal: new AbortController().signal,
    ...changes,
  };
}

/** Builds a function with cli/build/recipe, whatever its template, and returns the folder of its tree. */
export async function buildWithRecipe(context: string, platform: string): Promise<string> {
  const source = await sourceOf(context);
  const description = await readDescription(context);
  if (description.kind === 'bundle') await bundleFunction({ ...source, description });
  else await compileFunction({ ...source, description, platform: parsePlatform(platform) });
  return source.into;
}
