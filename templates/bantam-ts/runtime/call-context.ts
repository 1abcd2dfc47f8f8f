import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Call } from './call.ts';
import type { Context, Upgrade, WebSocketOptions } from './context.ts';
import type { Log } from './log.ts';
import { upgradeCall } from './websocket.ts';

/** The context of one call. */
export class CallContext implements Context {
  readonly #call: Call;
  readonly #log: Log;
  readonly #secretFolder: string;

  constructor(call: Call, log: Log, secretFolder: string) {
    this.#call = call;
    this.#log = log;
    this.#secretFolder = secretFolder;
  }

  get callId(): string {
    return this.#call.id;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }

  // Functions that are made when asked for: `const { log } = context` works, and who asks for none pays for none.
  get secret() {
    return (name: string): Promise<string> => readSecret(this.#secretFolder, name);
  }

  get log() {
    return (message: string): void => this.#log.say(this.#call, String(message));
  }

  get setTrailer() {
    return (name: string, value: string): void => {
      const { answer } = this.#call;
      answer.trailers = { ...answer.trailers, [name]: value };
    };
  }

  get upgradeWebSocket() {
    return (options?: WebSocketOptions): Upgrade => upgradeCall(this.#call, options);
  }
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
