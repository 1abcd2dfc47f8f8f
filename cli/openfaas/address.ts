import { UserError } from '../errors.ts';

/** Where faas-cli and bantam look when nothing is said. faas-cli writes it into every new stack file. */
export const defaultGateway = 'http://127.0.0.1:8080';

/** Who said which gateway to use: `--gateway`, the target, the stack file, `OPENFAAS_URL`, or nobody. */
export type GatewaySource = 'flag' | 'target' | 'stack' | 'environment' | 'default';

/** A gateway's address, read and normalised. */
export interface GatewayAddress {
  /** `http(s)://host[:port][/path]`: host in lower case, path as written, no trailing slash, no user name. */
  readonly url: string;
  /** The `gateway:` of faas-cli's config file that belongs to it (faas-cli compares it letter by letter). */
  readonly key: string;
  /** User name and password, if they were written into the address. */
  readonly login: { readonly user: string; readonly password: string } | undefined;
}

/**
 * Reads what a user wrote as gateway: `http://` is added where no scheme is given, slashes at the end go. Throws BAN-E406.
 * The key repeats faas-cli's own rule (`commands/priority.go`: the whole address, path included, in lower case).
 */
export function parseGatewayAddress(text: string): GatewayAddress {
  const trimmed = text.trim();
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(trimmed)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https')
    throw invalid(text, `"${scheme}" is not http or https`);
  const full = scheme === undefined ? `http://${trimmed}` : trimmed;
  const rest = full.slice(full.indexOf('://') + 3);
  if (!/^[^/\\?#\s]+(\/[^\\?#\s]*)?$/.test(rest)) throw invalid(text, problemOf(rest));
  // Two schemes in a row (`http://http://…`) would otherwise be read as a host called "http".
  if (/^([^/]*@)?https?:\/\//i.test(rest)) throw invalid(text, 'the scheme is there twice');
  if (!URL.canParse(full)) throw invalid(text, 'host or port cannot be read');
  const url = new URL(full);
  if (!/^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?)$/i.test(url.hostname))
    throw invalid(text, 'host or port cannot be read');
  if (url.port === '0') throw invalid(text, 'port 0 is no port');
  const login =
    url.username === '' && url.password === ''
      ? undefined
      : { user: decode(url.username), password: decode(url.password) };
  const bare = full.replace(/^(https?:\/\/)[^/]*@/i, '$1');
  return {
    url: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`,
    key: bare.toLowerCase().replace(/\/+$/, ''),
    login,
  };
}

/** What may name a gateway. Empty texts count as not given. */
export interface GatewayChoices {
  readonly flag?: string | undefined;
  /** The target of `-t`: `x-bantam.targets.NAME` of the stack file. */
  readonly target?: { readonly name: string; readonly gateway: string | undefined } | undefined;
  /** `provider.gateway`. */
  readonly stack?: string | undefined;
  /** `OPENFAAS_URL`. */
  readonly environment?: string | undefined;
}

/**
 * Picks the gateway: flag > target > stack file > `OPENFAAS_URL` > {@link defaultGateway}. As in faas-cli the default address
 * written in a stack file counts as not given, because `faas-cli new` writes it into every file and `OPENFAAS_URL` must still
 * work. Unlike in faas-cli a flag always wins, also one that names the default; so does a target. Throws BAN-E406, naming the source.
 */
export function chooseGateway(choices: GatewayChoices): ChosenAddress {
  const flag = choices.flag?.trim();
  const target = choices.target?.gateway?.trim();
  const where = `x-bantam.targets.${choices.target?.name}.gateway of the stack file`;
  if (flag) {
    const address = readFrom(flag, '--gateway');
    // Another spelling of the target's own gateway still is that gateway; a mistake in a target that is not used is none.
    const same = target !== undefined && target !== '' && tryRead(target)?.key === address.key;
    return { ...address, source: 'flag', ...(same ? { target: choices.target?.name } : {}) };
  }
  if (target) return { ...readFrom(target, where), source: 'target', target: choices.target?.name };
  const stack = choices.stack?.trim();
  if (stack) {
    const address = readFrom(stack, 'provider.gateway of the stack file');
    if (address.url !== defaultGateway) return { ...address, source: 'stack' };
  }
  const environment = choices.environment?.trim();
  if (environment) return { ...readFrom(environment, 'OPENFAAS_URL'), source: 'environment' };
  return { ...parseGatewayAddress(defaultGateway), source: stack ? 'stack' : 'default' };
}

/** An address and who chose it. `target`: the target whose own gateway it is, also where `--gateway` names the same one; credentials of that target are for no other. */
export type ChosenAddress = GatewayAddress & { readonly source: GatewaySource; readonly target?: string | undefined };

/** The address of a function behind a gateway: `URL/function/NAME[.NAMESPACE]PATH` (`/async-function/` for queued calls). */
export function functionAddress(
  gatewayUrl: string,
  target: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly path?: string | undefined;
    readonly asynchronous?: boolean | undefined;
  },
): string {
  const name = encodeURIComponent(target.namespace ? `${target.name}.${target.namespace}` : target.name);
  const path = target.path ?? '';
  const joined = path === '' || path.startsWith('/') || path.startsWith('?') ? path : `/${path}`;
  return `${gatewayUrl}/${target.asynchronous ? 'async-function' : 'function'}/${name}${joined}`;
}

function readFrom(text: string, where: string): GatewayAddress {
  try {
    return parseGatewayAddress(text);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.code, `${where}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

function tryRead(text: string): GatewayAddress | undefined {
  try {
    return parseGatewayAddress(text);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function problemOf(rest: string): string {
  if (rest === '' || rest.startsWith('/')) return 'the host is missing';
  if (/\s/.test(rest)) return 'it holds a blank';
  if (/[?#]/.test(rest)) return 'it holds a query or a fragment';
  return 'it holds a backslash';
}

function invalid(text: string, problem: string): UserError {
  // A password in the address must not reach the screen.
  const shown = text.replace(/\/\/[^/@\s]*@/, '//…@').replace(/^[^/@\s]*:[^/@\s]*@/, '…@');
  return new UserError('BAN-E406', `"${shown}" is no gateway address: ${problem}`, {
    hint: 'write http://host:port, for example http://pi-0.lan:31112',
  });
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A lone % is taken as it stands: it is a password, not a path.
    return part;
  }
}
