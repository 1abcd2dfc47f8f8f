/** Writes one line to stderr, where the gateway's logs come from. Line breaks inside become ` | `. */
export function writeLine(text: string): void {
  process.stderr.write(`${text.trimEnd().replace(/\s*\r?\n\s*/g, ' | ')}\n`);
}

/** An error for a log: its stack with its causes if it is one, else whatever was thrown. */
export function describeThrown(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `thrown: ${typeof thrown === 'string' ? thrown : JSON.stringify(thrown)}`;
  const stack = thrown.stack ?? String(thrown);
  return thrown.cause === undefined ? stack : `${stack}\ncaused by ${describeThrown(thrown.cause)}`;
}
