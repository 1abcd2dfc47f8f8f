import type { IncomingMessage } from 'node:http';
import { httpError, type Reply } from '../dialect/dialect.ts';

/** What a visitor may be asked: all that is needed to tell a program of this machine from a page of somewhere else. */
export type Visit = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'rawHeaders'>;

/** Content types that a form of any web page can send without asking. */
const formTypes = /^\s*(?:application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\b/i;
/** Calls of functions. */
const calls = /^\/(?:async-)?function\//;
/** What else there is for browsers. As it is written, not decoded: a path that is written otherwise is not for them. */
const forBrowsers = /^\/(?:ui(?:\/|(?=\?|$))|(?:healthz|metrics)?(?=\?|$))/;
/** The script of a service worker at this path would by default serve all functions' pages. */
const besideOthers = /^\/function\/[^/?]*(?=\?|$)/;

/**
 * Whether a request comes from where it may come from: `undefined` if so, else what it is answered. The gateway runs code as its user, so a web
 * page that the user happens to look at must not reach it, neither by a name of its own that leads to this machine (DNS rebinding: `Host`) nor
 * with credentials that the browser remembers (`Origin`, `Sec-Fetch-Site`). Programs send neither of the latter and are not concerned.
 *
 * - Every request names this gateway in `Host`: a loopback name or one of `hosts` (lower case, no port).
 * - `/function/` and `/async-function/` may be called by pages of this machine, whatever their port (the user's own front end); what those
 *   may read is the function's to say (CORS), as in a cluster. A page of elsewhere may link there, no more.
 * - `/ui/`, `/healthz`, `/metrics` may be called by pages of the same origin only.
 * - Everything else (`/system`, `/v2`) is for programs: functions' pages have this origin, too, and a browser that remembered the password for
 *   one would send it for the other. /system takes no bodies of the types that forms send either, whatever a browser does not say.
 */
export function refuseVisitor(visit: Visit, hosts: ReadonlySet<string>): Reply | undefined {
  const { headers, method = 'GET', url = '' } = visit;
  const host = headers.host ?? '';
  if (countOf(visit.rawHeaders, 'host') > 1) return httpError(400, 'there is more than one Host header');
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return httpError(400, 'this gateway is no proxy');
  if (host !== '' && !isOwn(nameOf(host), hosts))
    return httpError(
      403,
      `this gateway is not ${shown(host)}: call it by 127.0.0.1, localhost or the name it was started with`,
    );
  const isCall = calls.test(url);
  const page = pageBehind(visit);
  if (page !== undefined && !(isCall ? isOwn(nameOf(page), hosts) : page.toLowerCase() === host.toLowerCase())) {
    const what = isCall ? 'functions of this machine' : 'the gateway of this machine';
    return httpError(403, `the page at ${shown(page)} may not call ${what}`);
  }
  if (isCall && headers['service-worker'] !== undefined && besideOthers.test(url))
    return httpError(403, 'a service worker of a function lies below its own path: /function/NAME/worker.js');
  if (!isCall && isBrowser(visit) && !forBrowsers.test(url))
    return httpError(403, 'this is for programs such as faas-cli, docker and curl; in a browser, open /ui/');
  const changes = method !== 'GET' && method !== 'HEAD';
  if (changes && /^\/system(?:\/|$)/.test(url) && formTypes.test(headers['content-type'] ?? ''))
    return httpError(415, "forms are not taken here: send the body as 'Content-Type: application/json'");
  return undefined;
}

/** Whether a browser asks; one of before 2023 says so only with what changes something, and for service workers. */
export function isBrowser({ headers }: Pick<Visit, 'headers'>): boolean {
  return ['sec-fetch-site', 'origin', 'service-worker'].some((name) => headers[name] !== undefined);
}

/** Host and port of the page that a browser sends this request for, when it is not a page of the same origin; `undefined` for programs and for what people open themselves. */
function pageBehind({ headers }: Visit): string | undefined {
  const site = headers['sec-fetch-site'];
  if (site === 'same-origin' || site === 'none') return undefined;
  if (headers.origin !== undefined) return authorityOf(headers.origin);
  // A link that somebody follows is harmless: it is a GET, and its answer is shown to nobody else.
  const followed = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (site === undefined || followed) return undefined;
  // Pictures, scripts, frames: their page is in Referer, or hides itself.
  return authorityOf(headers.referer ?? '');
}

/** `host:port` of a URL as browsers write it in `Host`; `null` and other things are a page without an address. */
function authorityOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return 'no address';
  }
}

/** The name in `name:port`, in lower case. */
function nameOf(authority: string): string {
  return authority.replace(/:\d*$/, '').toLowerCase().replace(/\.$/, '');
}

function isOwn(name: string, hosts: ReadonlySet<string>): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '[::1]' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name) ||
    hosts.has(name)
  );
}

function countOf(raw: readonly string[], wanted: string): number {
  let count = 0;
  for (let index = 0; index < raw.length; index += 2) if (raw[index]?.toLowerCase() === wanted) count += 1;
  return count;
}

/** What came from outside, as much of it as fits into a sentence. */
function shown(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '?').slice(0, 100);
}
