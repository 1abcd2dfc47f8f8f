import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { OptionSpecification } from '../../command.ts';
import type { Context } from '../../context.ts';
import { Interrupted, UserError } from '../../errors.ts';
import { trimValue } from '../../openfaas/secret-value.ts';

/** Where a value may come from; the same for `secret create` and `secret update`. */
export const valueOptions = {
  fromFile: {
    flags: '--from-file <path>',
    kind: 'text',
    description: 'read the value from a file (-: standard input)',
  },
  fromEnv: {
    flags: '--from-env <name>',
    kind: 'text',
    description: 'take the value from this environment variable of bantam’s own',
  },
  fromLiteral: {
    flags: '--from-literal <value>',
    kind: 'text',
    description: 'refused: everybody sees a command line; pipe the value instead',
  },
  noTrim: {
    flags: '--no-trim',
    kind: 'flag',
    description: 'keep white space around a value of one line (else cut off)',
  },
} as const satisfies Record<string, OptionSpecification>;

/** The values of {@link valueOptions}. */
export interface ValueSource {
  readonly fromFile: string | undefined;
  readonly fromEnv: string | undefined;
  readonly fromLiteral: string | undefined;
  readonly noTrim: boolean;
}

/** A value, and whether white space around it was cut off. */
export interface ReadValue {
  readonly value: Uint8Array;
  readonly trimmed: boolean;
}

/** The most a Kubernetes secret holds, in bytes; the same everywhere, so that a project can move. */
export const largestValue = 1 << 20;

/**
 * Checks where the value comes from, and reads it at once from a file or a variable; from standard input, or from a person
 * who types it unseen, when the returned function is called, after the gateway has been asked.
 * Throws BAN-E001 (no source, several, or a literal), BAN-E003, BAN-E609 (empty, too large, no such variable), Interrupted.
 */
export async function openValue(
  name: string,
  source: ValueSource,
  command: string,
  context: Context,
): Promise<() => Promise<ReadValue>> {
  const ready = (read: ReadValue) => async () => read;
  if (source.fromLiteral !== undefined)
    throw new UserError(
      'BAN-E001',
      'a value on the command line is seen by everybody: in the shell’s history, in the list of processes and in logs',
      {
        hint: `printf %s "$VALUE" | bantam secret ${command} ${name}, or --from-file FILE, or --from-env VARIABLE; at a terminal, bantam secret ${command} ${name} asks for it`,
      },
    );
  if (source.fromFile !== undefined && source.fromEnv !== undefined)
    throw new UserError(
      'BAN-E001',
      'the value comes either from a file or from a variable: use --from-file or --from-env',
    );
  if (source.fromEnv !== undefined)
    return ready(finish(valueOfVariable(source.fromEnv, context), source.noTrim, `$${source.fromEnv}`));
  if (source.fromFile !== undefined && source.fromFile !== '-')
    return ready(await readValueFile(resolve(context.folder, source.fromFile), source.noTrim, context.signal));
  return async () => {
    const piped = await context.readInput();
    if (piped !== undefined) return finish(piped, source.noTrim, 'standard input');
    const typed = await context.askHidden(`value of ${name} (not shown)`);
    if (typed !== undefined) return finish(Buffer.from(typed, 'utf8'), true, 'what was typed');
    throw new UserError('BAN-E001', `no value for ${name}, and nobody can be asked here`, {
      hint: `use --from-file FILE or --from-env VARIABLE, or pipe it: printf %s "$VALUE" | bantam secret ${command} ${name}`,
    });
  };
}

/** Reads a value from a file. Throws BAN-E609 for an empty or too large one; what the file system refuses is BAN-E003. */
export async function readValueFile(path: string, noTrim: boolean, signal: AbortSignal): Promise<ReadValue> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // A stream, because --from-file <(pass show token) is a pipe, and /dev/zero has no end.
    for await (const chunk of createReadStream(path, { signal })) {
      chunks.push(Buffer.from(chunk));
      size += chunk.length;
      if (size > largestValue) break;
    }
  } catch (error) {
    // What fails while reading (a folder, a broken disk) carries no path.
    throw signal.aborted
      ? new Interrupted()
      : Object.assign(error instanceof Error ? error : new Error(String(error)), { path });
  }
  return finish(Buffer.concat(chunks), noTrim, path);
}

function valueOfVariable(name: string, { environment }: Context): Uint8Array {
  const value = environment[name];
  if (value !== undefined) return Buffer.from(value, 'utf8');
  throw new UserError('BAN-E609', 'the variable that --from-env names is not set', {
    // What stands there may be the value itself, typed by mistake.
    hint: 'it takes the name of an environment variable, without "$", and the variable must be exported',
  });
}

function finish(bytes: Uint8Array, noTrim: boolean, where: string): ReadValue {
  if (bytes.length > largestValue)
    throw new UserError('BAN-E609', `${where} holds more than a secret can: 1 MiB`, {
      hint: 'give the function a volume or an address to read from, and the key to it as a secret',
    });
  const read = noTrim ? { value: bytes, trimmed: false } : trimValue(bytes);
  if (read.value.length > 0) return read;
  throw new UserError('BAN-E609', bytes.length === 0 ? `${where} is empty` : `${where} holds white space only`, {
    hint: bytes.length === 0 ? 'a secret has at least one byte' : '--no-trim keeps white space',
  });
}
