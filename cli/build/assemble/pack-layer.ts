import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';
import { Interrupted } from '../../errors.ts';

/** A layer on disk: `digest` and `size` (bytes) of the compressed file, `diffId` the digest of what is in it. */
export interface PackedLayer {
  readonly digest: string;
  readonly diffId: string;
  readonly size: number;
}

/**
 * Packs a settled tree into a layer (image-spec, layer.md): entries sorted, folders before what is in them, all of them
 * root's, times 0, modes as they are on disk. The same tree gives the same bytes with the same version of Node, and the same
 * `diffId` anywhere.
 */
export async function packLayer(tree: string, file: string, signal: AbortSignal): Promise<PackedLayer> {
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  let size = 0;
  const tar = pack();
  const written = pipeline(
    tar,
    passing((chunk) => void plain.update(chunk)),
    createGzip(),
    withoutSystem(),
    passing((chunk) => {
      packed.update(chunk);
      size += chunk.length;
    }),
    createWriteStream(file),
    { signal },
  );
  const filled = addFolder(tar, tree, '', signal).then(
    () => tar.finalize(),
    (error: Error) => {
      tar.destroy(error);
      throw error;
    },
  );
  const settled = await Promise.allSettled([filled, written]);
  if (signal.aborted) throw new Interrupted();
  for (const each of settled) if (each.status === 'rejected') throw each.reason;
  return { digest: `sha256:${packed.digest('hex')}`, diffId: `sha256:${plain.digest('hex')}`, size };
}

async function addFolder(tar: Pack, root: string, folder: string, signal: AbortSignal): Promise<void> {
  const names = (await readdir(join(root, folder))).sort((left, right) => (left < right ? -1 : 1));
  for (const name of names) {
    if (signal.aborted) throw new Interrupted();
    const path = folder === '' ? name : `${folder}/${name}`;
    const facts = await stat(join(root, path));
    const header = { name: path, mode: facts.mode & 0o7777, mtime: new Date(0), uid: 0, gid: 0 };
    if (facts.isDirectory()) {
      // The slash is what Docker's builder writes, too.
      tar.entry({ ...header, name: `${path}/`, type: 'directory' });
      await addFolder(tar, root, path, signal);
    } else if (facts.isFile()) {
      await pipeline(createReadStream(join(root, path)), tar.entry({ ...header, type: 'file', size: facts.size }), {
        signal,
      });
    }
  }
}

function passing(see: (chunk: Uint8Array) => void): Transform {
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      see(chunk);
      done(null, chunk);
    },
  });
}

/** zlib writes into the tenth byte on which system it ran (RFC 1952, 2.3): 255 is "unknown". */
function withoutSystem(): Transform {
  let position = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      const at = 9 - position;
      position += chunk.length;
      if (at < 0 || at >= chunk.length) return done(null, chunk);
      const changed = Buffer.from(chunk);
      changed[at] = 0xff;
      done(null, changed);
    },
  });
}
