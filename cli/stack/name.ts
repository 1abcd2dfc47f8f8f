import { UserError } from '../errors.ts';

/**
 * Throws BAN-E103 unless a function may be called `name`: a DNS label (RFC 1123) of at most 63 characters, because the
 * name becomes a Kubernetes Service and part of an address. The hint suggests the nearest valid name.
 */
export function checkFunctionName(name: string): void {
  const problem = describeNameProblem(name);
  if (problem === undefined) return;
  const suggestion = suggestFunctionName(name);
  throw new UserError('BAN-E103', `"${name}" cannot be the name of a function: ${problem}`, {
    hint:
      suggestion === undefined
        ? 'use lower-case letters, digits and hyphens, for example hello-world'
        : `try ${suggestion}`,
  });
}

/** What is wrong with a function's name, as the rest of a sentence; undefined for a valid one. */
export function describeNameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (!/^[a-z0-9-]+$/.test(name)) return 'only lower-case letters a-z, digits and hyphens are allowed';
  if (name.startsWith('-') || name.endsWith('-')) return 'it must begin and end with a letter or a digit';
  if (name.length > longestName) return `it has ${name.length} characters, and ${longestName} are allowed`;
  return undefined;
}

/** The valid name nearest to `name` ("Hello_World" gives "hello-world", "naïveCase" gives "naive-case"); undefined if nothing of it can be kept. */
export function suggestFunctionName(name: string): string | undefined {
  const suggestion = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, longestName + 1)
    .replace(/^-+/, '')
    .slice(0, longestName)
    .replace(/-+$/, '');
  return suggestion === '' ? undefined : suggestion;
}

const longestName = 63;
