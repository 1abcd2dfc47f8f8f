import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isAuthorized, type LocalCredentials } from '../gateway/basic-auth.ts';

const hour = 3_600_000;
const sessionLife = 12 * hour;
const linkLife = hour / 2;
/** So many unused links at once; the oldest give way. */
const mostLinks = 32;

/**
 * Who may use the page. A browser gets in with user and password, or with the key of a link, which works once. It then holds a token that it
 * sends itself with each request: no cookie and no password that the browser would add by itself, also to requests that other pages (a
 * function's own, for instance, which has the same origin) make. A token is a signed time: it outlives the gateway as long as the password stays.
 */
export class Sessions {
  readonly #credentials: LocalCredentials;
  readonly #now: () => number;
  /** Key to the time until which it works. */
  readonly #links = new Map<string, number>();

  constructor(credentials: LocalCredentials, now: () => number = Date.now) {
    this.#credentials = credentials;
    this.#now = now;
  }

  /** A new key for a link: works once, within half an hour. */
  newKey(): string {
    const key = randomBytes(24).toString('base64url');
    this.#links.set(key, this.#now() + linkLife);
    for (const oldest of [...this.#links.keys()].slice(0, -mostLinks)) this.#links.delete(oldest);
    return key;
  }

  /** Whether a key works; it does not a second time. Keys are long and random, so that a look-up tells nothing about others. */
  redeem(key: string): boolean {
    const until = this.#links.get(key);
    this.#links.delete(key);
    return until !== undefined && until > this.#now();
  }

  /** A token for twelve hours. */
  newToken(): string {
    const until = (this.#now() + sessionLife).toString(36);
    return `${until}.${this.#sign(until)}`;
  }

  /** Whether an `Authorization` header lets its sender in: `Bearer` with a token, or `Basic` as for /system. */
  isAllowed(header: string | undefined): boolean {
    const token = /^Bearer +(?<until>[0-9a-z]{1,12})\.(?<signature>[\w-]{43})$/i.exec(header ?? '')?.groups;
    if (token === undefined) return isAuthorized(header, this.#credentials);
    const { until = '', signature = '' } = token;
    const genuine = timingSafeEqual(Buffer.from(signature), Buffer.from(this.#sign(until)));
    return genuine && Number.parseInt(until, 36) > this.#now();
  }

  #sign(until: string): string {
    const { user, password } = this.#credentials;
    return createHmac('sha256', JSON.stringify([user, password]))
      .update(`page session ${until}`)
      .digest('base64url');
  }
}
