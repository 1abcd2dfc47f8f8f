import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeLine } from './log.ts';

/** What a handler gets beside the request. The user's copy of this type is function/bantam.d.ts; a test compares both. */
export interface Context {
  readonly callId: string;
  readonly signal: AbortSignal;
  secret(name: string): Promise<string>;
  log(message: string): void;
}

/** The context of one call. `request.signal` is only touched when asked for: making it costs a little. */
export function makeContext(request: Request, callId: string, secretFolder: string): Context {
  return {
    callId,
    get signal() {
      return request.signal;
    },
    secret: (name) => readSecret(secretFolder, name),
    log: (message) => writeLine(`call ${callId}: ${message}`),
  };
}

/** Reads a secret from its file, without the line break that `echo` leaves at its end. Throws when there is none. */
async function readSecret(folder: string, name: string): Promise<string> {
  if (!/^[\w.-]+$/.test(name) || name.startsWith('..')) {
    throw new Error(`${JSON.stringify(name)} is no name of a secret: letters, digits, '.', '_' and '-' are allowed`);
  }
  try {
    const text = await readFile(join(folder, name), 'utf8');
    return text.replace(/\r?\n$/, '');
  } catch (cause) {
    throw new Error(`the secret ${name} is not in ${folder}: is it listed under secrets: of this function?`, { cause });
  }
}
