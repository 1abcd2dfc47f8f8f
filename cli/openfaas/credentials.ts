import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import * as v from 'valibot';
import writeFileAtomic from 'write-file-atomic';
import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { failedWith, Interrupted, UserError } from '../errors.ts';
import { basicCredentials, basicToken, type GatewayCredentials, readBasicToken } from './authorization.ts';
import { type CredentialsPlace, credentialsFile, followLinks, readIfThere, unreadable } from './credentials-file.ts';

/** Credentials and where they were found: the name of a variable, or a file. */
export interface FoundCredentials {
  readonly credentials: GatewayCredentials;
  readonly source: string;
}

/** One entry of the file. `auth` is `basic` or `oauth2`; other kinds are kept and never used. */
export interface SavedLogin {
  readonly gateway: string;
  readonly auth: string;
}

/**
 * Finds the credentials for a gateway by its key (see parseGatewayAddress): first those of the environment, then the file.
 * `target`: the name of the target whose own gateway it is; its variables (`BANTAM_GATEWAY_PASSWORD_PI` for `pi`) come before
 * `BANTAM_GATEWAY_PASSWORD` and are sent nowhere else. The user is `admin` unless the variable with USER names another.
 * Throws BAN-E001 for a user without password, BAN-E003 for a file that cannot be read.
 */
export async function findCredentials(
  key: string,
  place: CredentialsPlace,
  target?: string,
): Promise<FoundCredentials | undefined> {
  const given = (target === undefined ? undefined : fromEnvironment(place, target)) ?? fromEnvironment(place);
  if (given !== undefined) return given;
  const file = credentialsFile(place);
  const document = parseConfig(await readIfThere(file), file);
  for (const entry of entriesFor(document, file, key)) {
    const { auth, token } = readEntry(entry, file);
    if (auth === 'basic') {
      const credentials = readBasicToken(token);
      if (credentials === undefined) throw unreadable(file, `the token of ${key} is not base64 of user:password`);
      return { credentials, source: file };
    }
    if (auth === 'oauth2' && /^[\x21-\x7e]+$/.test(token))
      return { credentials: { kind: 'bearer', token }, source: file };
  }
  return undefined;
}

/** A job that deploys to two clusters has two passwords, and a variable for both would show each cluster the other's. */
function fromEnvironment({ environment }: CredentialsPlace, target?: string): FoundCredentials | undefined {
  const ending = target === undefined ? '' : `_${target.toUpperCase().replaceAll('-', '_')}`;
  const [userName, passwordName] = [`BANTAM_GATEWAY_USER${ending}`, `BANTAM_GATEWAY_PASSWORD${ending}`];
  const [user, password] = [environment[userName], environment[passwordName]];
  if (password) return { credentials: basicCredentials(user || 'admin', password), source: passwordName };
  if (user)
    throw new UserError('BAN-E001', `${userName} is set, but ${passwordName} is not`, { hint: 'set both, or neither' });
  return undefined;
}

/** All gateways the file knows, without their secrets. Throws BAN-E003. */
export async function listLogins(place: CredentialsPlace): Promise<readonly SavedLogin[]> {
  const file = credentialsFile(place);
  return entries(parseConfig(await readIfThere(file), file), file).map((entry) => {
    const { gateway, auth } = readEntry(entry, file);
    return { gateway, auth };
  });
}

/**
 * Saves the login for a gateway as faas-cli does (`auth: basic`), and returns the file. Other entries, unknown keys and comments stay.
 * The file gets mode 0600, a new folder 0700; a symbolic link stays one. Throws BAN-E003, BAN-E004 (locked for ten seconds).
 */
export async function saveCredentials(
  key: string,
  login: { user: string; password: string },
  place: CredentialsPlace,
  signal?: AbortSignal,
): Promise<string> {
  if (login.user === '' || login.user.includes(':'))
    throw new UserError('BAN-E001', 'a user name must not be empty or hold a colon');
  return edit(place, signal, (document, file) => {
    const token = basicToken(login.user, login.password);
    const known = entriesFor(document, file, key)[0];
    if (known !== undefined) {
      known.set('auth', 'basic');
      known.set('token', token);
      return true;
    }
    const entry = document.createNode({ gateway: key, auth: 'basic', token });
    const list = document.get('auths');
    if (isSeq(list)) list.add(entry);
    else document.set('auths', document.createNode([entry]));
    return true;
  });
}

/** Removes the login for a gateway; `false` if there was none (the file is not touched then). Throws as {@link saveCredentials}. */
export async function removeCredentials(key: string, place: CredentialsPlace, signal?: AbortSignal): Promise<boolean> {
  if ((await readIfThere(credentialsFile(place))) === undefined) return false;
  let removed = false;
  await edit(place, signal, (document, file) => {
    const gone = new Set<unknown>(entriesFor(document, file, key));
    const list = document.get('auths');
    if (gone.size === 0 || !isSeq(list)) return false;
    list.items = list.items.filter((item) => !gone.has(item));
    removed = true;
    return true;
  });
  return removed;
}

async function edit(
  place: CredentialsPlace,
  signal: AbortSignal | undefined,
  change: (document: Document, file: string) => boolean,
): Promise<string> {
  const file = credentialsFile(place);
  try {
    const target = await followLinks(file);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const release = await acquire(target, signal);
    try {
      const document = parseConfig(await readIfThere(target), file);
      if (change(document, file)) await writeFileAtomic(target, document.toString({ lineWidth: 0 }), { mode: 0o600 });
    } finally {
      await release();
    }
    return file;
  } catch (error) {
    if (error instanceof UserError || error instanceof Interrupted) throw error;
    throw unreadable(file, error instanceof Error ? error.message : String(error), error);
  }
}

const patienceMilliseconds = 10_000;

async function acquire(target: string, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  const end = performance.now() + patienceMilliseconds;
  for (;;) {
    if (signal?.aborted) throw new Interrupted();
    try {
      // A lock whose holder died is taken over after five seconds: within our patience.
      return await lock(target, { realpath: false, stale: 5000, retries: 0, onCompromised: ignoreTakeover });
    } catch (error) {
      if (!failedWith(error, 'ELOCKED')) throw error;
      if (performance.now() > end)
        throw new UserError('BAN-E004', `${target} is locked by another bantam`, {
          hint: `if none is running, remove ${target}.lock`,
          cause: error,
        });
    }
    await delay(20 + Math.random() * 60, undefined, signal === undefined ? {} : { signal }).catch(() => {
      // Aborted: the loop sees it.
    });
  }
}

/** We hold the lock for milliseconds; should the machine sleep just then, the atomic write still leaves a whole file. The default would crash the process. */
function ignoreTakeover(): void {}

function parseConfig(text: string | undefined, file: string): Document {
  const document: Document = parseDocument(text ?? '');
  const problem = document.errors[0];
  if (problem !== undefined) {
    // Only the kind and the place: the message of the parser quotes the line, and the line may hold a token.
    throw unreadable(file, `it is no valid YAML (line ${problem.linePos?.[0].line ?? '?'})`);
  }
  // `null`, written out, is an empty file too; as a scalar it would take no keys.
  if (isScalar(document.contents) && document.contents.value === null) document.contents = null;
  if (document.contents !== null && !isMap(document.contents)) throw unreadable(file, 'it holds no keys and values');
  return document;
}

function entries(document: Document, file: string): readonly YAMLMap[] {
  const list = isMap(document.contents) ? document.get('auths') : undefined;
  if (list === undefined || list === null) return [];
  if (!isSeq(list)) throw unreadable(file, '"auths" is no list');
  return list.items.filter((item): item is YAMLMap => isMap(item));
}

/** faas-cli compares letter by letter; a slash at the end or another case, written by hand, means the same gateway. */
function entriesFor(document: Document, file: string, key: string): readonly YAMLMap[] {
  const all = entries(document, file);
  const exact = all.filter((entry) => entry.get('gateway') === key);
  if (exact.length > 0) return exact;
  return all.filter((entry) => String(entry.get('gateway')).toLowerCase().replace(/\/+$/, '') === key);
}

const entrySchema = v.object({
  gateway: v.optional(v.string(), ''),
  auth: v.optional(v.string(), 'basic'),
  token: v.optional(v.string(), ''),
});

function readEntry(entry: YAMLMap, file: string): v.InferOutput<typeof entrySchema> {
  const result = v.safeParse(entrySchema, entry.toJSON());
  if (!result.success) throw unreadable(file, 'an entry of "auths" has a gateway, auth or token that is no text');
  return result.output;
}
