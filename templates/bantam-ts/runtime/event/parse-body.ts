import { parse as parseContentType } from 'content-type';
import { parse as parseForm } from 'qs';
import { readBody } from './read-body.ts';
import type { Received } from './received.ts';
import { Refused } from './refused.ts';
import { defaultLimit, type EventSettings } from './settings.ts';

/** The most fields of a form. */
const fieldLimit = 1000;

/**
 * The body as a handler of the official templates gets it: text for `text/*`, a value for JSON and forms, bytes with
 * RAW_BODY. What has no body, or one of another type, has `{}` (node12 to node20) or undefined (node22). Throws
 * {@link Refused} for a body that is too large or not what its type says.
 */
export async function parseBody(received: Received, settings: EventSettings): Promise<unknown> {
  const none = settings.like === 'express4' ? {} : undefined;
  const type = readType(received.headers['content-type'] ?? '', settings.like);
  if (!received.hasBody || type === undefined) return none;
  const read = (limit: number): Promise<Buffer> => readBody(received, limit, settings.like);
  const { name, charset } = type;
  if (settings.raw) return await read(settings.rawLimit);
  if (name.startsWith('text/')) return decode(await read(defaultLimit), charset);
  if (name === 'application/json') {
    if (!charset.startsWith('utf-')) throw unknownCharset(charset);
    return parseJson(decode(await read(settings.jsonLimit), charset));
  }
  if (name === 'application/x-www-form-urlencoded') {
    const latin = charset === 'iso-8859-1' && settings.like === 'express5';
    if (charset !== 'utf-8' && !latin) throw unknownCharset(charset);
    return parseFields(decode(await read(defaultLimit), charset), latin ? 'iso-8859-1' : 'utf-8');
  }
  return none;
}

const mediaType = /^[a-z0-9][\w!#$&^-]{0,126}\/[a-z0-9][\w!#$&^.+-]{0,126}$/;
/** What may follow it. Only Express 4 minds. */
const typeParameters =
  /^(?:; *[\w!#$%&'*+.^`|~-]+ *= *(?:"(?:[ !#-[\]-~\x80-\xff]|\\[ -~])*"|[\w!#$%&'*+.^`|~-]+) *)*$/;

/** Undefined for what is no type. */
function readType(text: string, like: EventSettings['like']): { name: string; charset: string } | undefined {
  const { type: name, parameters } = parseContentType(text);
  if (!mediaType.test(name)) return undefined;
  const semicolon = text.indexOf(';');
  if (like === 'express4' && semicolon !== -1 && !typeParameters.test(text.slice(semicolon))) return undefined;
  return { name, charset: (parameters['charset'] || 'utf-8').toLowerCase() };
}

function decode(bytes: Buffer, charset: string): string {
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(charset);
  } catch {
    throw unknownCharset(charset);
  }
  return decoder.decode(bytes);
}

function unknownCharset(charset: string): Refused {
  return new Refused(415, `unsupported charset "${charset.toUpperCase()}"`);
}

/** Only maps and lists: that is all the official templates take. Nothing at all is `{}`. */
function parseJson(text: string): unknown {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw new Refused(400, error instanceof Error ? error.message : String(error));
  }
  throw new Refused(400, 'the JSON is neither a map nor a list');
}

function parseFields(text: string, charset: 'utf-8' | 'iso-8859-1'): unknown {
  if (text === '') return {};
  const count = text.split('&', fieldLimit + 1).length;
  if (count > fieldLimit) throw new Refused(413, 'too many parameters');
  try {
    return parseForm(text, {
      allowPrototypes: true,
      arrayLimit: Math.max(100, count),
      charset,
      depth: 32,
      parameterLimit: fieldLimit,
      strictDepth: true,
    });
  } catch (error) {
    if (error instanceof RangeError) throw new Refused(400, 'The input exceeded the depth');
    throw error;
  }
}
