import { createHash, timingSafeEqual } from 'node:crypto';

/** User and password of a local gateway. */
export interface LocalCredentials {
  readonly user: string;
  readonly password: string;
}

/** Whether an `Authorization` header carries these credentials. The time it takes tells nothing about them: hashes of equal length are compared, both always. */
export function isAuthorized(header: string | undefined, { user, password }: LocalCredentials): boolean {
  const encoded = /^Basic +(?<encoded>[A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.groups?.['encoded'] ?? '';
  const given = Buffer.from(encoded, 'base64').toString('utf8');
  return timingSafeEqual(fingerprint(given), fingerprint(`${user}:${password}`));
}

function fingerprint(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
