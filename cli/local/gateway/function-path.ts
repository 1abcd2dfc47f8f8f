/** A request to `/function/NAME[.NAMESPACE][/path][?query]`, taken apart; `target` is what the function sees. */
export interface FunctionTarget {
  /** As written, with its namespace. */
  readonly written: string;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly target: string;
}

const pattern = /^\/(?:async-)?function\/(?<written>[-a-zA-Z_0-9.]+)(?<path>\/[^?]*)?(?<query>\?.*)?$/s;

/** Takes the URL of a call apart, synchronous or not; `undefined` if it names no function. Path and query stay byte for byte what was sent. */
export function parseFunctionPath(url: string): FunctionTarget | undefined {
  const match = pattern.exec(url);
  if (match?.groups === undefined) return undefined;
  const { written = '', path = '/', query = '' } = match.groups;
  const dot = written.lastIndexOf('.');
  return {
    written,
    name: dot < 0 ? written : written.slice(0, dot),
    namespace: dot < 0 ? undefined : written.slice(dot + 1),
    target: `${path}${query}`,
  };
}

/** A target without its query, which may hold a password: for what is remembered and shown. */
export function pathOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? target : target.slice(0, mark);
}
