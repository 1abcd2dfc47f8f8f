import { parse as parseContentType } from 'content-type';
import { parse as parseForm } from 'qs';
import { readBody } from './read-body.ts';
import { Refused } from './refused.ts';
import { defaultLimit, type EventSettings } from './settings.ts';

/** The most fields of a form. */
const fieldLimit = 1000;

/**
 * The body as a handler of the official templates gets it: text for `text/*`, a value for JSON and forms, bytes with
 * RAW_BODY. What has no body, or one of another type, has `{}` (node12 to node20) or undefined (node22). Throws
 * {@link Refused} for a body that is too large or not what its type says.
 */
export async function parseBody(request: Request, type: string, settings: EventSettings): Promise<unknown> {
  const none = settings.like === 'express4' ? {} : undefined;
  if (!hasBody(request)) return none;
  const read = (limit: number): Promise<Buffer> => readBody(request, limit, settings.like);
  const { name, charset } = readType(type);
  if (settings.raw) return name.includes('/') ? await read(settings.rawLimit) : none;
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

/** A body may be empty and still be one: what counts is what the head says. A Request of a test has no such head: no host. */
function hasBody({ headers, body }: Request): boolean {
  if (headers.has('transfer-encoding')) return true;
  if (headers.has('content-length')) return !Number.isNaN(Number(headers.get('content-length')));
  return body !== null && !headers.has('host');
}

function readType(type: string): { readonly name: string; readonly charset: string } {
  const { type: name, parameters } = parseContentType(type);
  return { name: name.toLowerCase(), charset: (parameters['charset'] ?? 'utf-8').toLowerCase() };
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
