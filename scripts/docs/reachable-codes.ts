import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a port of the context leads to: a command imports none of these files itself. */
const behindPorts: Readonly<Record<string, readonly string[]>> = {
  stack: ['cli/stack/find.ts', 'cli/stack/read.ts', 'cli/stack/targets.ts'],
  stackIfAny: ['cli/stack/find.ts', 'cli/stack/read.ts', 'cli/stack/targets.ts'],
  gateway: ['cli/openfaas/client.ts', 'cli/openfaas/address.ts', 'cli/openfaas/credentials.ts', 'cli/stack/read.ts'],
  gatewayAddress: ['cli/openfaas/address.ts', 'cli/stack/read.ts'],
  registry: ['cli/registry/client.ts'],
  builder: ['cli/build/buildx.ts', 'cli/build/image-store.ts', 'cli/registry/client.ts'],
  engine: ['cli/tools/engine.ts'],
  findTemplate: ['cli/template/bring.ts'],
  bringTemplate: ['cli/template/bring.ts'],
};

/**
 * The error codes that a command's file can lead to: those in messages of the files that it imports (types aside) and of what is behind the
 * ports it asks for. It may name a code too many; a code that is missing here cannot come from the command's own work.
 */
export function reachableCodes(file: string): readonly string[] {
  const codes = new Set(['BAN-E001', 'BAN-E003']);
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name) || !existsSync(join(root, name))) return;
    seen.add(name);
    const text = readFileSync(join(root, name), 'utf8');
    for (const [, code] of text.matchAll(/(?<![!=]==\s*)'(BAN-E\d{3})'/g)) codes.add(code ?? '');
    for (const target of importsOf(name, text)) visit(target);
    if (name.startsWith('cli/commands/'))
      for (const [, port] of text.matchAll(/\bcontext\.(\w+)/g))
        for (const target of behindPorts[port ?? ''] ?? []) visit(target);
  };
  visit(file);
  return [...codes].sort();
}

/** The files of cli/ that a file imports for more than their types; the entrances lead everywhere and are no use here. */
function importsOf(file: string, text: string): readonly string[] {
  return [...text.matchAll(/^(?:import|export) (?!type\b)[^;]*?from '(\.[^']+)'|import\('(\.[^']+)'\)/gm)]
    .map(([, fixed, loaded]) =>
      resolve(root, dirname(file), fixed ?? loaded ?? '')
        .slice(root.length)
        .replace(/^\//, ''),
    )
    .filter((target) => /^cli\/[^/]+\//.test(target));
}
