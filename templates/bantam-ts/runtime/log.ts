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
    const message = `${call.method} ${call.path} - ${statusCode} ${statusMessage} - ContentLength: ${length}B (${seconds.toFixed(4)}s)`;
    if (this.#settings.format === 'text') this.#put(this.#secrets.hide(`${message} [${call.id}]`));
    else this.#put(renderJson('info', this.#secrets.hide(message), { call, status: statusCode, seconds }));
  }

  /** A line that the handler asks for: whatever the level, because it is not the runtime's. */
  say(call: Call, message: string): void {
    if (this.#settings.format === 'json') this.#put(renderJson('info', this.#secrets.hide(message), { call }));
    else this.#put(`call ${call.id}: ${this.#secrets.hide(message)}`);
  }

  write(level: LogLevel, message: string, fields: LogFields): void {
    if (rank[level] > rank[this.#settings.level]) return;
    const error = fields.error === undefined ? undefined : this.#secrets.hide(describeThrown(fields.error));
    const { hide } = this.#secrets;
    this.#put(
      this.#settings.format === 'json'
        ? renderJson(level, hide(message), { ...fields, error })
        : renderText(hide(message), { ...fields, error }),
    );
  }

  /** Line breaks inside become ` | `: one event is one line. */
  #put(text: string): void {
    writeToStderr(`${text.trimEnd().replace(/\s*\r?\n\s*/g, ' | ')}\n`);
  }
}

function renderText(message: string, { call, error }: LogFields): string {
  const about = call === undefined ? `bantam: ${message}` : `call ${call.id} ${message}: ${call.method} ${call.path}`;
  return error === undefined ? about : `${about}: ${error}`;
}

function renderJson(level: LogLevel, message: string, { call, ...rest }: LogFields): string {
  const about = call && { call_id: call.id, method: call.method, path: call.path };
  return JSON.stringify({ time: new Date().toISOString(), level, message, ...about, ...rest });
}

/** An error for a log: its stack with its causes if it is one, else whatever was thrown. */
export function describeThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `thrown: ${typeof thrown === 'string' ? thrown : stringify(thrown)}`;
  const stack = String(thrown.stack ?? thrown);
  return thrown.cause === undefined || thrown.cause === thrown
    ? stack
    : `${stack}\ncaused by ${describeThrown(thrown.cause)}`;
}

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
