import type { Call } from './call.ts';
import { SecretTexts } from './secret-texts.ts';
import type { LogLevel, LogSettings } from './settings.ts';

/** What a line may say beside its message. */
export interface LogFields {
  readonly call?: Call | undefined;
  readonly status?: number;
  readonly seconds?: number;
  readonly error?: unknown;
}

const rank: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

// The handler's output may be turned into other lines (see output.ts); the runtime's own lines never go that way.
const writeToStderr = process.stderr.write.bind(process.stderr);

/** The runtime's own lines: one for each event, on stderr, where the gateway's logs come from. */
export class Log {
  readonly #settings: LogSettings;
  readonly #secrets: SecretTexts;

  constructor(settings: LogSettings) {
    this.#settings = settings;
    this.#secrets = new SecretTexts(settings.secretFolder);
  }

  error(message: string, fields: LogFields = {}): void {
    this.write('error', message, fields);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.write('warn', message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.write('info', message, fields);
  }

  debug(message: string, fields: LogFields = {}): void {
    this.write('debug', message, fields);
  }

  /** One line for a call that is over, where the settings ask for it. */
  finish(call: Call): void {
    if (!this.#settings.calls && this.#settings.level !== 'debug') return;
    const { statusCode, statusMessage } = call.answer;
    const length = Number(call.answer.contentLength ?? -1);
    const seconds = call.seconds();
    const path = this.#secrets.hide(call.path);
    const message = `${call.method} ${path} - ${statusCode} ${statusMessage} - ContentLength: ${length}B (${seconds.toFixed(4)}s)`;
    if (this.#settings.format === 'text') this.#put(`${message} [${call.id}]`);
    else this.#put(renderJson('info', message, { call, path, status: statusCode, seconds }));
  }

  /** A line that the handler asks for: whatever the level, because it is not the runtime's. */
  say(call: Call, message: string): void {
    const { hide } = this.#secrets;
    if (this.#settings.format === 'json') this.#put(renderJson('info', hide(message), { call, path: hide(call.path) }));
    else this.#put(`call ${call.id}: ${hide(message)}`);
  }

  write(level: LogLevel, message: string, fields: LogFields): void {
    if (rank[level] > rank[this.#settings.level]) return;
    const { hide } = this.#secrets;
    const hidden = {
      ...fields,
      path: fields.call && hide(fields.call.path),
      error: fields.error === undefined ? undefined : hide(describeThrown(fields.error)),
    };
    const render = this.#settings.format === 'json' ? renderJson : renderText;
    this.#put(render(level, hide(message), hidden));
  }

  /** Line breaks inside become ` | `: one event is one line. */
  #put(text: string): void {
    try {
      writeToStderr(`${text.trimEnd().replace(/\s*\r?\n\s*/g, ' | ')}\n`);
    } catch {
      // A full disk, a closed file: no reason for a call to fail, and there is nowhere to say so.
    }
  }
}

/** Fields without the secrets that were in them. */
type HiddenFields = LogFields & { readonly path?: string | undefined };

function renderText(_level: LogLevel, message: string, { call, path, error }: HiddenFields): string {
  const about = call === undefined ? `bantam: ${message}` : `call ${call.id} ${message}: ${call.method} ${path}`;
  return error === undefined ? about : `${about}: ${error}`;
}

function renderJson(level: LogLevel, message: string, { call, ...rest }: HiddenFields): string {
  const about = call && { call_id: call.id, method: call.method };
  return JSON.stringify({ time: new Date().toISOString(), level, message, ...about, ...rest });
}

/** As many causes of causes as anybody reads. */
const mostCauses = 8;

/** An error for a log: its stack with its causes if it is one, else whatever was thrown. Says something of anything. */
export function describeThrown(thrown: unknown): string {
  try {
    return describe(thrown, mostCauses);
  } catch {
    return 'thrown: something that cannot be described';
  }
}

function describe(thrown: unknown, causes: number): string {
  if (!(thrown instanceof Error)) return `thrown: ${typeof thrown === 'string' ? thrown : stringify(thrown)}`;
  const stack = String(thrown.stack ?? thrown);
  if (thrown.cause === undefined || thrown.cause === thrown || causes === 0) return stack;
  return `${stack}\ncaused by ${describe(thrown.cause, causes - 1)}`;
}

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
