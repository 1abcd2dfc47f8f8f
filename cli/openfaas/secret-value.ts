import { isUtf8 } from 'node:buffer';
import type { Secret } from './wire.ts';

/**
 * The value as it is kept, and whether white space was cut off. A value of one line loses white space at both ends, so that
 * the newline of `echo` and of editors does no harm (faas-cli's `--trim`). A value of several lines (a key, a certificate)
 * and one that is no text stay as they are: OpenSSH refuses a private key without its last newline.
 */
export function trimValue(value: Uint8Array): { readonly value: Uint8Array; readonly trimmed: boolean } {
  if (!isUtf8(value)) return { value, trimmed: false };
  const text = Buffer.from(value).toString('utf8');
  const kept = text.trim();
  if (kept.length === text.length || /[\r\n]/.test(kept)) return { value, trimmed: false };
  return { value: Buffer.from(kept, 'utf8'), trimmed: true };
}

/** The body of a request that carries a secret: text as `value`, which every provider reads, anything else base64 as `rawValue`. */
export function encodeSecret(name: string, value: Uint8Array, namespace: string | undefined): Secret {
  const bytes = Buffer.from(value);
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(isUtf8(bytes) ? { value: bytes.toString('utf8') } : { rawValue: bytes.toString('base64') }),
  };
}

/** Takes a secret's value out of a text that came back from a gateway, whichever way it is written. Values of under four characters would take words apart and stay. */
export function withoutValue(text: string, secret: Pick<Secret, 'value' | 'rawValue'>): string {
  const forms = [
    secret.rawValue,
    ...(secret.value === undefined
      ? []
      : [secret.value, JSON.stringify(secret.value).slice(1, -1), Buffer.from(secret.value).toString('base64')]),
  ];
  return forms
    .filter((form): form is string => form !== undefined && form.length >= 4)
    .reduce((left, form) => left.replaceAll(form, '…'), text);
}
