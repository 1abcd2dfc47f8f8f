import { createHash, type Hash } from 'node:crypto';
import { UserError } from '../errors.ts';

/** `sha256:<64 hex>` of bytes. */
export function sha256Digest(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Whether a text is a digest that can be checked: sha256 or sha512 in lower-case hex (image-spec, descriptor.md, "Registered algorithms"). */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** Throws BAN-E306 if the bytes do not hash to `digest`. `what` names them in the message, e.g. "manifest of hello:1.0". */
export function verifyDigest(bytes: Uint8Array, digest: string, what: string): void {
  const hash = hashFor(digest, what);
  hash.update(bytes);
  compare(hash, digest, what);
}

/**
 * Passes bytes through and throws BAN-E306 at their end if all of them together do not hash to `digest`.
 * A reader that stops early has seen unchecked bytes.
 */
export async function* verifyWhileReading(
  bytes: AsyncIterable<Uint8Array>,
  digest: string,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = hashFor(digest, what);
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  compare(hash, digest, what);
}

const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

function hashFor(digest: string, what: string): Hash {
  if (!isDigest(digest)) {
    throw new UserError('BAN-E306', `the digest "${digest}" of the ${what} is neither sha256 nor sha512`);
  }
  return createHash(digest.slice(0, digest.indexOf(':')));
}

function compare(hash: Hash, digest: string, what: string): void {
  const found = `${digest.slice(0, digest.indexOf(':'))}:${hash.digest('hex')}`;
  if (found === digest) return;
  throw new UserError('BAN-E306', `the ${what} is damaged: its bytes hash to ${found}, not to ${digest}`, {
    hint: 'push the image again; if it happens again, check the disk of the registry and any proxy in between',
  });
}
