import { UserError } from '../errors.ts';

/** A Kubernetes secret's name: a DNS subdomain (RFC 1123). */
const namePattern = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Whether a secret may be called so; anything else never becomes a file name. */
export function isSecretName(name: string): boolean {
  return namePattern.test(name);
}

/** Throws BAN-E604 for what is no name of a secret. faasd would take some of them, and faas-netes answers 500 without a word. */
export function requireSecretName(name: string): void {
  if (isSecretName(name)) return;
  // Whoever writes NAME=VALUE must not find the value in a log.
  if (name.includes('='))
    throw new UserError('BAN-E604', `"${name.replace(/=.*/s, '=…')}" is no name for a secret`, {
      hint: 'name the secret alone; its value comes from a file (--from-file), a variable (--from-env) or standard input',
    });
  const better = name
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '');
  throw new UserError('BAN-E604', `"${name.slice(0, 80)}" is no name for a secret`, {
    hint: `use lower-case letters, digits, "-" and ".", at most 253 of them${isSecretName(better) && name.length <= 80 ? `: ${better}` : ''}`,
  });
}
