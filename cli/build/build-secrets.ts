import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UserError } from '../errors.ts';

/** A secret of a build: BuildKit mounts it for the RUN instructions that ask for its id, and keeps it out of layers and caches. */
export type BuildSecret = { readonly id: string } & (
  | { readonly file: string; readonly variable?: never }
  | { readonly variable: string; readonly file?: never }
);

/** What BuildKit takes of one secret, in bytes (moby/buildkit, session/secrets: MaxSecretSize). */
const largest = 500 * 1024;

/**
 * Reads `id=NAME,src=FILE` or `id=NAME,env=VARIABLE` as docker does (`source` and `target` for `src`, a bare `id=NAME` is the
 * variable of that name, else the file). Files are relative to `folder`. Throws BAN-E001.
 */
export function readBuildSecret(
  text: string,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
): BuildSecret {
  const fields = new Map(
    splitFields(text).map((field): [string, string] => {
      const equals = field.indexOf('=');
      return equals < 0 ? [field.trim(), ''] : [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1)];
    }),
  );
  const id = fields.get('id') ?? '';
  const unknown = [...fields.keys()].find((key) => !['id', 'src', 'source', 'env', 'type'].includes(key));
  const file = fields.get('src') ?? fields.get('source') ?? (fields.get('type') === 'file' ? id : undefined);
  const variable = fields.get('env') ?? (fields.get('type') === 'env' ? id : undefined);
  if (id === '' || unknown !== undefined || file === '' || variable === '')
    // The text may hold the secret itself, written in a wrong place: it is not repeated.
    throw new UserError('BAN-E001', 'a --build-secret cannot be read', {
      hint: 'write --build-secret id=NAME,src=FILE or id=NAME,env=VARIABLE',
    });
  if (file !== undefined) return { id, file: resolve(folder, file) };
  if (variable !== undefined) return { id, variable };
  return environment[id] === undefined ? { id, file: resolve(folder, id) } : { id, variable: id };
}

/** Fields of one CSV line, quotes taken away. */
function splitFields(line: string): readonly string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'),
  );
}

/** Throws BAN-E215 unless all of them can be read; `where` says who named them. */
export async function requireBuildSecrets(
  secrets: readonly BuildSecret[],
  environment: Readonly<Record<string, string | undefined>>,
  where: string,
): Promise<void> {
  for (const { id, file, variable } of secrets) {
    if (variable !== undefined) {
      if (environment[variable] !== undefined) continue;
      throw new UserError('BAN-E215', `the build secret ${id}: the environment variable ${variable} is not set`, {
        hint: `set it, or give the secret as a file: --build-secret id=${id},src=FILE`,
      });
    }
    const facts = await stat(file).catch((error: NodeJS.ErrnoException) => error);
    const wrong =
      facts instanceof Error
        ? facts.code === 'ENOENT'
          ? 'is not there'
          : `cannot be read: ${facts.message}`
        : !facts.isFile()
          ? 'is no file'
          : facts.size > largest
            ? `is larger than ${largest / 1024} KiB, the most that a build takes`
            : undefined;
    if (wrong === undefined) continue;
    throw new UserError('BAN-E215', `the build secret ${id}: ${file} ${wrong}`, {
      hint: `it is named ${where}`,
    });
  }
}

/** The `--secret` of docker buildx: a file's name or a variable's, never a value. */
export function secretArgument({ id, file, variable }: BuildSecret): string {
  const quoted = (field: string): string => (/[",\s]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
  return file === undefined
    ? `${quoted(`id=${id}`)},${quoted(`env=${variable}`)}`
    : `${quoted(`id=${id}`)},${quoted(`src=${file}`)}`;
}
