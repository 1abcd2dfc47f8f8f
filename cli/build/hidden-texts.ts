import { readFile } from 'node:fs/promises';
import type { BuildPlan } from './plan.ts';

/** What stands in the place of a value that is not shown. */
const hidden = '…';

/** Names of build arguments whose values are not shown. A PAT is a token; a PATH is none. */
const secretName = /token|secret|passw|passphrase|credential|(^|_)(pwd|pass|auth|pat|key|apikey)$/i;

/** A value of one long word with letters and digits, as generated tokens are; a version, a path, a digest or a name of an image is none. */
const generated = /^(?=.*\d)(?=.*[A-Za-z])[\w+=~-]{20,}$/;

/** A shorter value would be found in half of all lines. */
const shortest = 4;

/**
 * The texts that must not be shown of a build: values of build secrets, of build arguments that look like secrets, and passwords in addresses.
 * BuildKit writes the values of arguments into the names of steps, and a command may print what it likes. One text for each line of a value.
 */
export async function hiddenTextsOf(
  { buildArguments, inheritedArguments, secrets }: Pick<BuildPlan, 'buildArguments' | 'inheritedArguments' | 'secrets'>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  const inherited = inheritedArguments.map((name): [string, string] => [name, environment[name] ?? '']);
  const ofArguments = [...Object.entries(buildArguments), ...inherited].flatMap(([name, value]) =>
    secretName.test(name) || generated.test(value) ? [value] : passwordsIn(value),
  );
  const ofSecrets = await Promise.all(
    secrets.map(async ({ file, variable }) =>
      // A file that cannot be read is what the build itself reports.
      file === undefined ? (environment[variable] ?? '') : await readFile(file, 'utf8').catch(() => ''),
    ),
  );
  const lines = [...ofArguments, ...ofSecrets.flatMap((text) => [text, ...valuesIn(text)])].flatMap((text) =>
    text.split('\n'),
  );
  const words = lines.map((line) => line.trim()).filter((line) => line.length >= shortest);
  // BuildKit quotes commands as Go does.
  const written = words.flatMap((word) => [word, JSON.stringify(word).slice(1, -1)]);
  return [...new Set(written)].sort((left, right) => right.length - left.length);
}

/** Takes texts out of a line. */
export function hideTexts(line: string, texts: readonly string[]): string {
  return texts.reduce((rest, text) => rest.replaceAll(text, hidden), line);
}

/** Passwords in addresses: a proxy's, a repository's. */
function passwordsIn(text: string): readonly string[] {
  return [...text.matchAll(/:\/\/[^\s/@:]*:([^\s/@]+)@/g)].flatMap(([, password = '']) => [password]);
}

/** What stands behind `NAME=` or `name:` in a file of settings (.npmrc, .netrc, .env). */
function valuesIn(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const value = /^[^=\s]*=\s*"?([^"\s]{8,})"?\s*$/.exec(line)?.[1];
    return value === undefined ? [] : [value];
  });
}
