import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import type { Report } from '../events.ts';

/** Which certificates are trusted, by host (`registry.lan:5000`) as addresses name it. */
export interface Trust {
  /** Whether Docker's folders of certificates name the host: then it speaks TLS, whatever its address looks like. */
  knows(host: string): Promise<boolean>;
  /** For a connection to the host; undefined for Node's own authorities and nothing else. */
  contextFor(host: string): Promise<SecureContext | undefined>;
  /** Adds the authorities of the operating system after a certificate was refused; false if that changes nothing. */
  widen(host: string): Promise<boolean>;
}

/** What {@link openTrust} needs of the process. `environment`: DOCKER_CONFIG, SSL_CERT_FILE and NODE_EXTRA_CA_CERTS are read. */
export interface TrustOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeFolder: string;
  readonly report: Report;
  /** Folders like Docker's certs.d, in place of the usual ones. */
  readonly folders?: readonly string[];
  /** Bundles of authorities that an operating system may keep, in place of the usual ones. */
  readonly bundles?: readonly string[];
}

/** Where Docker looks: its desktop edition, its daemon without root, its daemon (docs.docker.com, "Use CA certificates with Docker"). */
export function certificateFolders(options: Pick<TrustOptions, 'environment' | 'homeFolder'>): string[] {
  return [
    join(options.environment['DOCKER_CONFIG'] || join(options.homeFolder, '.docker'), 'certs.d'),
    join(options.homeFolder, '.config', 'docker', 'certs.d'),
    '/etc/docker/certs.d',
  ];
}

/** Where the distributions keep their authorities: Debian and Alpine, Fedora, openSUSE, macOS. Go looks there, Node does not. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

interface Files {
  readonly authorities: readonly string[];
  readonly pairs: readonly { readonly cert: string; readonly key: string }[];
}

/**
 * Trust as Docker and Go's programs have it: `HOST/*.crt` are further authorities, `HOST/NAME.cert` with `HOST/NAME.key` is
 * what this machine shows to that host alone. A file that cannot be used is a warning; nothing is ever trusted blindly.
 */
export function openTrust(options: TrustOptions): Trust {
  const { environment, report } = options;
  const folders = options.folders ?? certificateFolders(options);
  const files = new Map<string, Promise<Files | undefined>>();
  const contexts = new Map<string, Promise<SecureContext | undefined>>();
  const wide = new Set<string>();
  const warn = (file: string, thrown: unknown) =>
    report({
      type: 'warning',
      text: `${file} cannot be used: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      hint: 'check that you may read it and that it holds certificates in PEM form',
    });

  const filesOf = (host: string): Promise<Files | undefined> => {
    const known = files.get(host) ?? readHostFiles(folders, host, warn);
    files.set(host, known);
    return known;
  };

  /** Authorities of the environment: `ca` in a context takes the place of all that Node trusts by itself. */
  const named = async (): Promise<string[]> => {
    const texts: string[] = [];
    for (const name of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']) {
      const file = environment[name];
      if (!file) continue;
      const text = await readAuthorities(file, warn);
      if (text !== undefined) texts.push(text);
    }
    return texts;
  };

  const system = async (): Promise<string | undefined> => {
    for (const file of options.bundles ?? systemBundles) {
      const text = await readFile(file, 'utf8').catch(() => undefined); // Each belongs to another distribution.
      if (text !== undefined) return text;
    }
    return undefined;
  };

  const make = async (host: string): Promise<SecureContext | undefined> => {
    const own = await filesOf(host);
    const bundle = wide.has(host) ? await system() : undefined;
    const extra = [...(own?.authorities ?? []), ...(await named()), ...(bundle === undefined ? [] : [bundle])];
    const [pair] = own?.pairs ?? [];
    // Node itself has taken in NODE_EXTRA_CA_CERTS; its own store is ten times as fast as one made here.
    if (own === undefined && bundle === undefined && !environment['SSL_CERT_FILE']) return undefined;
    return createSecureContext({ ca: [...rootCertificates, ...extra], ...pair });
  };

  return {
    knows: async (host) => (await filesOf(host)) !== undefined,
    contextFor(host) {
      const known = contexts.get(host) ?? make(host);
      contexts.set(host, known);
      return known;
    },
    async widen(host) {
      if (wide.has(host) || environment['SSL_CERT_FILE'] || (await system()) === undefined) return false;
      wide.add(host);
      contexts.delete(host);
      return true;
    },
  };
}

type Warn = (file: string, thrown: unknown) => void;

async function readHostFiles(folders: readonly string[], host: string, warn: Warn): Promise<Files | undefined> {
  // The host comes from a reference or a redirect: it may name one folder and nothing above it.
  if (!/^[\w.:[\]-]+$/.test(host) || host.startsWith('.')) return undefined;
  const authorities: string[] = [];
  const pairs: { cert: string; key: string }[] = [];
  let found = false;
  for (const folder of folders.map((each) => join(each, host))) {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') warn(folder, error);
      return undefined;
    });
    if (names === undefined) continue;
    found = true;
    for (const name of names.sort()) {
      if (name.endsWith('.crt')) {
        const text = await readAuthorities(join(folder, name), warn);
        if (text !== undefined) authorities.push(text);
      } else if (name.endsWith('.cert')) {
        const pair = await readPair(folder, name.slice(0, -'.cert'.length), warn);
        if (pair !== undefined) pairs.push(pair);
      }
    }
  }
  return found ? { authorities, pairs } : undefined;
}

async function readAuthorities(file: string, warn: Warn): Promise<string | undefined> {
  try {
    const text = await readFile(file, 'utf8');
    createSecureContext({ ca: text });
    if (!text.includes('-----BEGIN')) throw new Error('it holds no certificate');
    return text;
  } catch (error) {
    warn(file, error);
    return undefined;
  }
}

async function readPair(folder: string, name: string, warn: Warn): Promise<{ cert: string; key: string } | undefined> {
  const file = join(folder, name);
  try {
    const cert = await readFile(`${file}.cert`, 'utf8');
    const key = await readFile(`${file}.key`, 'utf8');
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (error) {
    warn(`${file}.cert with ${file}.key`, error);
    return undefined;
  }
}
