import { ClassicLevel } from 'classic-level';
import { systemCode, UserError } from '../../errors.ts';
import { makeFolder } from '../../tools/make-folder.ts';

/** One change of several that are made together or not at all. */
export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

/**
 * A durable map from keys to bytes (LevelDB): a write is on the disk when it resolves, and survives a kill -9 of this process.
 * After a write that failed (a full disk) LevelDB takes none until it is opened anew, so that is done before the next one.
 */
export class Level {
  readonly #folder: string;
  #database: ClassicLevel<string, Buffer>;
  #broken = false;
  #asked: Asked[] = [];
  #writing: Promise<void> | undefined;

  private constructor(folder: string, database: ClassicLevel<string, Buffer>) {
    this.#folder = folder;
    this.#database = database;
  }

  /** Opens the folder, which is made (0700) if it is missing. Throws BAN-E004 (another process has it), E625 (damaged), E626 (not to be written). */
  static async open(folder: string): Promise<Level> {
    await makeFolder(folder, 0o700).catch((error: unknown) => {
      throw notWritable(folder, error);
    });
    return new Level(folder, await openDatabase(folder));
  }

  /** All pairs whose keys begin with `prefix`, in the order of their keys. */
  async entries(prefix: string): Promise<readonly (readonly [string, Buffer])[]> {
    // U+FFFF sorts behind all that keys hold.
    return await this.#database.iterator({ gte: prefix, lt: `${prefix}\uffff` }).all();
  }

  /** Throws BAN-E626 if the database had to be closed and cannot be opened again yet. */
  async get(key: string): Promise<Buffer | undefined> {
    // A write that failed may have left it closed: an empty one opens it, behind those under way.
    if (this.#broken) await this.write([]);
    return await this.#database.get(key);
  }

  /** Makes all changes together, durably, behind every write that was asked for before. Throws BAN-E626. */
  write(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ changes, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#database.close();
  }

  /** What is asked for while the disk is busy goes there together: a slow card then takes many calls with one write. */
  async #writeAll(): Promise<void> {
    while (this.#asked.length > 0) {
      const together = takeSome(this.#asked);
      try {
        await this.#write(together.flatMap(({ changes }) => changes));
        for (const { resolve } of together) resolve();
      } catch (error) {
        for (const { reject } of together) reject(error);
      }
    }
    // In the same step as the last look: who asks next begins anew.
    this.#writing = undefined;
  }

  async #write(changes: readonly Change[]): Promise<void> {
    try {
      if (this.#broken) {
        await this.#database.close();
        this.#database = await openDatabase(this.#folder);
        this.#broken = false;
      }
      const operations = changes.map((change) =>
        change.type === 'del' ? change : { type: 'put' as const, key: change.key, value: Buffer.from(change.value) },
      );
      await this.#database.batch(operations, { sync: true });
    } catch (error) {
      this.#broken = true;
      throw error instanceof UserError ? error : notWritable(this.#folder, error);
    }
  }
}

/** One write, and whom it is told. */
interface Asked {
  readonly changes: readonly Change[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Bytes that go to the disk together, if more than one write waits. */
const mostTogether = 4 << 20;

/** Takes the first writes out of a list: at least one. */
function takeSome(asked: Asked[]): Asked[] {
  let bytes = 0;
  let count = 0;
  for (const { changes } of asked) {
    for (const change of changes) bytes += change.type === 'put' ? change.value.length : 0;
    if (count > 0 && bytes > mostTogether) break;
    count += 1;
  }
  return asked.splice(0, count);
}

async function openDatabase(folder: string): Promise<ClassicLevel<string, Buffer>> {
  const database = new ClassicLevel<string, Buffer>(folder, { valueEncoding: 'buffer' });
  try {
    await database.open();
    return database;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = systemCode(cause);
    if (code === 'LEVEL_LOCKED')
      throw new UserError('BAN-E004', `another local gateway uses ${folder}`, {
        hint: 'bantam local status tells which one runs; bantam local down stops it',
        cause: error,
      });
    if (code === 'LEVEL_CORRUPTION')
      throw new UserError('BAN-E625', `${folder} is damaged: ${textOf(cause)}`, {
        hint: `what was deployed is to be deployed again: move it away (mv ${folder} ${folder}.damaged), then bantam local up`,
        cause: error,
      });
    throw notWritable(folder, error);
  }
}

function notWritable(folder: string, error: unknown): UserError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new UserError('BAN-E626', `the state of the local gateway cannot be written to ${folder}: ${textOf(cause)}`, {
    hint: 'is the disk full (df -h), or the folder not yours to write (ls -ld)?',
    cause: error,
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
