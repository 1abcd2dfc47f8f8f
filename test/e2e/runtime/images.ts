import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import * as v from 'valibot';
import { bantam, temporaryFolder } from '../program.ts';

/** A language of a template, as `fn new --lang` takes it. */
export type Language = 'ts' | 'go';

/** A function to be built: `files` replace those of the template's sample; without them it is the sample itself. */
export interface FunctionWish {
  readonly language: Language;
  readonly platforms: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
}

const builtSchema = v.object({ functions: v.array(v.object({ name: v.string(), digest: v.string() })) });

/** Scaffolds, builds and pushes functions as users do; tells their images as `HOST:PORT/…/NAME@sha256:…`, by name. */
export async function buildFunctions<Name extends string>(
  registry: string,
  wishes: Readonly<Record<Name, FunctionWish>>,
): Promise<Readonly<Record<Name, string>>> {
  await using folder = await temporaryFolder('bantam-runtime-');
  const prefix = `${registry}/runtime-${randomBytes(4).toString('hex')}`;
  const run = async (argv: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await bantam(argv, {
      folder: folder.path,
      environment: { HOME: folder.path, XDG_CACHE_HOME: undefined },
    });
    assert.equal(exitCode, 0, `${argv.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const byPlatforms = new Map<string, Name[]>();
  for (const name of Object.keys(wishes) as Name[]) {
    const { language, platforms, files = {} } = wishes[name];
    await run(['fn', 'new', name, '--lang', language, '--prefix', prefix]);
    await mkdir(join(folder.path, name), { recursive: true });
    for (const [path, text] of Object.entries(files)) await writeFile(join(folder.path, name, path), text);
    const key = platforms.join();
    byPlatforms.set(key, [...(byPlatforms.get(key) ?? []), name]);
  }
  const images: Partial<Record<Name, string>> = {};
  for (const [platforms, names] of byPlatforms) {
    const stdout = await run(['fn', 'build', ...names, '--platform', platforms, '--push', '--json']);
    for (const { name, digest } of v.parse(builtSchema, JSON.parse(stdout)).functions)
      images[name as Name] = `${prefix}/${name}@${digest}`;
  }
  return images as Record<Name, string>;
}

/** Removes images from the engine that pulled them. */
export async function removeImages(images: Readonly<Record<string, string>>): Promise<void> {
  // One that was never run was never pulled: that is no failure.
  await execa('docker', ['image', 'rm', '--force', ...Object.values(images)], { reject: false, timeout: 60_000 });
}
