import { chmod, chown, link, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ManifestPlan } from './shape.ts';

/** Lays a made-up image out as a folder, layer by layer, as a container would see it. Needs root for owners. */
export async function unpack({ layers }: ManifestPlan, root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const { files, mediaType } of layers) {
    if (mediaType !== undefined && !mediaType.includes('.tar')) continue;
    for (const { name, type = 'file', linkname = '', mode = 0o755, uid = 0, content = '' } of files) {
      const path = join(root, name);
      const base = name.slice(name.lastIndexOf('/') + 1);
      await mkdir(dirname(path), { recursive: true });
      if (base === '.wh..wh..opq')
        for (const each of await readdir(dirname(path))) await rm(join(dirname(path), each), { recursive: true });
      else if (base.startsWith('.wh.')) await rm(join(dirname(path), base.slice(4)), { recursive: true, force: true });
      else if (type === 'directory') await mkdir(path, { recursive: true });
      else {
        await rm(path, { recursive: true, force: true });
        if (type === 'symlink') await symlink(linkname, path);
        else if (type === 'link') await link(join(root, linkname), path);
        else {
          await writeFile(path, content);
          await chmod(path, mode);
          await chown(path, uid, uid);
        }
      }
    }
  }
}
