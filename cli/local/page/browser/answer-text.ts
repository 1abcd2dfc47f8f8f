import { visible } from './words.ts';

/** An answer's body as text: JSON laid out, other text as it is, bytes that are no text in hexadecimal. */
export interface BodyText {
  readonly kind: 'empty' | 'json' | 'text' | 'bytes';
  readonly text: string;
}

/** Of bytes that are no text, so many are shown. */
const shownBytes = 2048;

/** Reads a body. `whole` is false where its end is missing: a character that was cut then makes it no less a text. */
export function readBody(bytes: Uint8Array, whole: boolean): BodyText {
  if (bytes.length === 0) return { kind: 'empty', text: '' };
  const text = decodeText(bytes, whole);
  if (text === undefined) return { kind: 'bytes', text: hexadecimal(bytes.subarray(0, shownBytes)) };
  const json = whole ? layOutJson(text) : undefined;
  return json === undefined
    ? { kind: 'text', text: visible(text.replaceAll('\r\n', '\n'), { lines: true }) }
    : { kind: 'json', text: visible(json, { lines: true }) };
}

/** JSON with an indent of two; undefined if it is none, or a number or word alone, or if laying it out would change a number. */
export function layOutJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const compact = JSON.stringify(value);
    // 12345678901234567890 would come out as another number, and one of two equal keys would be lost.
    const bare = text.replaceAll(/"(?:[^"\\]|\\.)*"|\s+/g, (part) => (part.startsWith('"') ? '""' : ''));
    if (bare !== compact.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')) return undefined;
    return JSON.stringify(value, undefined, 2);
  } catch {
    return undefined;
  }
}

function decodeText(bytes: Uint8Array, whole: boolean): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !whole });
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

function hexadecimal(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let start = 0; start < bytes.length; start += 16) {
    const row = [...bytes.subarray(start, start + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    rows.push(`${start.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  return rows.join('\n');
}

/** The headers of a form, one `Name: value` a line. Throws an Error with a sentence for a line that is none. */
export function readHeaders(text: string): [string, string][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      if (colon < 1) throw new Error(`the header line “${line}” has no colon: write Name: value`);
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
}
