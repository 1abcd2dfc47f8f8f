import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Settings } from './settings.ts';

/** Which code of which deployment in which replica: the same on every answer of this process. */
export type Identity = Readonly<Record<'X-Bantam-Revision' | 'X-Bantam-Deploy' | 'X-Bantam-Replica', string>>;

/** Names that only the runtime may set. A function that passes on another one's answer must not pass on these. */
const ownNames = new Set([
  'x-bantam-revision',
  'x-bantam-deploy',
  'x-bantam-replica',
  'x-call-id',
  'x-start-time',
  'x-duration-seconds',
]);

export function identify(settings: Settings): Identity {
  return {
    'X-Bantam-Revision': settings.revision,
    'X-Bantam-Deploy': settings.deploy,
    'X-Bantam-Replica': settings.replica,
  };
}

// A number after something random is as unique as something random each time, and costs a tenth of it.
const random = randomUUID();
let calls = 0;

/** The caller's call id if it is a plain one, else a new one. */
export function chooseCallId({ 'x-call-id': given }: IncomingHttpHeaders): string {
  return typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given) ? given : `${random}-${++calls}`;
}

/** The caller's start time if it is a number, else `now` (milliseconds since 1970): nanoseconds since 1970. */
export function chooseStartTime({ 'x-start-time': given }: IncomingHttpHeaders, now: number): string {
  if (typeof given === 'string' && /^\d{1,30}$/.test(given)) return given;
  return `${Math.trunc(now * 1000)}000`; // as a number it would lose its last digits
}

/** Headers in any of the forms that `new Headers` or Node takes. */
export type ForeignHeaders = OutgoingHttpHeaders | Iterable<readonly [string, string]>;

/** Copies headers to `into`, without those that are ours alone. */
export function copyForeignHeaders(headers: ForeignHeaders, into: OutgoingHttpHeaders): void {
  if (isIterable(headers)) {
    for (const [name, value] of headers) copyOne(name, value, into);
  } else {
    for (const name in headers) copyOne(name, headers[name] ?? '', into);
  }
}

function isIterable(headers: ForeignHeaders): headers is Iterable<readonly [string, string]> {
  return Symbol.iterator in headers;
}

/** What says where an answer ends: in one spelling, so that it is found, and only once. */
const framingNames = new Map([
  ['connection', 'Connection'],
  ['content-length', 'Content-Length'],
  ['transfer-encoding', 'Transfer-Encoding'],
]);

function copyOne(name: string, value: NonNullable<OutgoingHttpHeaders[string]>, into: OutgoingHttpHeaders): void {
  const first = name.charCodeAt(0) | 0x20;
  if (first === 0x78 && ownNames.has(name.toLowerCase())) return; // 'x'
  const { length } = name;
  const framing = length === 10 || length === 14 || length === 17 ? framingNames.get(name.toLowerCase()) : undefined;
  if (framing !== undefined) {
    into[framing] = value;
    return;
  }
  const before = into[name];
  // Headers gives a pair for each cookie, and nothing else twice.
  if (before === undefined) into[name] = value;
  else into[name] = [before, value].flat().map(String);
}
