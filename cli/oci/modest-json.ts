/** How much there may be in a document of JSON. `values`: commas and brackets outside of texts; `depth`: brackets within brackets. */
export interface JsonBounds {
  readonly values: number;
  readonly depth: number;
}

/**
 * Parses JSON that somebody else wrote. A document of four mebibytes can hold two million objects or be as deep: as values they take hundreds of
 * times its size, and a schema that lists what is wrong with each of them takes gigabytes. Throws SyntaxError, also for more than the bounds allow.
 */
export function parseModestJson(text: string, bounds: JsonBounds): unknown {
  requireModest(text, bounds);
  return JSON.parse(text);
}

function requireModest(text: string, bounds: JsonBounds): void {
  let values = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = endOfText(text, at);
        break;
      case openBrace:
      case openBracket:
        values += 1;
        depth += 1;
        if (depth > bounds.depth) throw new SyntaxError(`it is more than ${bounds.depth} levels deep`);
        break;
      case closeBrace:
      case closeBracket:
        depth -= 1;
        break;
      case comma:
        values += 1;
    }
    if (values > bounds.values) throw new SyntaxError(`it holds more than ${bounds.values} values`);
  }
}

/** The index of the quote that ends a text; behind the end of what is cut off. */
function endOfText(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === backslash) backslashes += 1;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

const [quote, backslash, comma, openBrace, closeBrace, openBracket, closeBracket] = [34, 92, 44, 123, 125, 91, 93];
