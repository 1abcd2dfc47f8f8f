import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Packs a folder as what a Linux kernel unpacks before it starts /init (cpio, "newc", gzipped), with a console. */
export async function packInitramfs(folder: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let inode = 0;
  const add = (
    name: string,
    mode: number,
    owner: number,
    content: Buffer,
    device: readonly [number, number] = [0, 0],
  ) => {
    inode += 1;
    const named = Buffer.from(`${name}\0`);
    const fields = [inode, mode, owner, owner, 1, 0, content.length, 0, 0, ...device, named.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    parts.push(padded(Buffer.concat([Buffer.from(header), named])), padded(content));
  };
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    const { mode, uid } = await lstat(path);
    const kind = mode & 0o170000;
    const content =
      kind === 0o120000
        ? Buffer.from(await readlink(path))
        : kind === 0o100000
          ? await readFile(path)
          : Buffer.alloc(0);
    add(name, mode, uid, content);
  }
  add('dev', 0o40755, 0, Buffer.alloc(0));
  add('dev/console', 0o20600, 0, Buffer.alloc(0), [5, 1]);
  add('dev/null', 0o20666, 0, Buffer.alloc(0), [1, 3]);
  add('TRAILER!!!', 0, 0, Buffer.alloc(0));
  return gzipSync(Buffer.concat(parts));
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
