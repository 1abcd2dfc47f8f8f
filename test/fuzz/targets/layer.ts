import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { readLayer } from '../../../cli/oci/layer.ts';
import { inPieces, packLayer } from '../../oci/image-parts.ts';
import { fateOf } from '../fate.ts';
import { mutatedBytes } from '../mutate.ts';
import { defineTarget } from '../target.ts';
import { zstdSample } from './zstd-sample.ts';

const plain = await packLayer(
  [
    { name: 'usr/', type: 'directory' },
    { name: './usr/bin/node', content: Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(5000)]) },
    { name: 'usr/bin/entry.sh', content: '#!/bin/sh\nexec node "$@"\n' },
    { name: 'bin', type: 'symlink', linkname: 'usr/bin' },
    { name: 'up', type: 'symlink', linkname: '../../../../etc/passwd' },
    { name: 'hard', type: 'link', linkname: 'usr/bin/node' },
    { name: 'usr/.wh.gone' },
    { name: 'var/.wh..wh..opq' },
    { name: 'dev/null', type: 'character-device' },
    { name: `${'long/'.repeat(40)}name`, content: 'x' },
    { name: 'plain.txt', mode: 0o644, content: 'x'.repeat(3000) },
  ],
  'none',
);

/** Zeros shrink a thousand times: the bound is on what comes out. */
const bomb = gzipSync(Buffer.alloc(3 << 20));

/** Layers: tar in gzip, zstd or nothing; mutated outside and inside the compression. */
export const layer = defineTarget<{ readonly bytes: Uint8Array; readonly piece: number }>({
  name: 'layer',
  inputs: fc.record({
    bytes: fc.oneof(
      { weight: 4, arbitrary: mutatedBytes([plain]) },
      { weight: 2, arbitrary: mutatedBytes([plain]).map((bytes) => gzipSync(bytes)) },
      { weight: 2, arbitrary: mutatedBytes([gzipSync(plain), bomb], 5) },
      { weight: 3, arbitrary: mutatedBytes([zstdSample], 5) },
    ),
    piece: fc.constantFrom(1, 7, 512, 4096, 1 << 20),
  }),
  show: ({ bytes, piece }) => JSON.stringify({ piece, base64: Buffer.from(bytes).toString('base64') }),
  async attempt({ bytes, piece }) {
    return await fateOf(async () => {
      // One byte at a time is for what is small.
      const size = bytes.length > 20_000 ? Math.max(piece, 512) : piece;
      for await (const entry of readLayer(inPieces(bytes, size), 'layer of fuzz', { bytes: 2 << 20, entries: 5000 })) {
        if (entry.path.startsWith('/') || entry.path.split('/').some((part) => part === '..' || part === '.'))
          throw new Error(`an entry outside of the root: ${entry.path}`);
        if (entry.kind === 'node' && entry.node.kind === 'hardlink' && /(^|\/)\.\.(\/|$)|^\//.test(entry.node.target))
          throw new Error(`a hard link to outside of the root: ${entry.node.target}`);
      }
    });
  },
});
