/** Writes into the store of the folder named until the disk (a limit on the size of files) takes no more, then reads and writes once more; says how that went. For store.test.ts. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { UserError } from '../../../cli/errors.ts';
import { Level } from '../../../cli/local/state/level.ts';

// Without a listener it would end this process.
process.on('SIGXFSZ', () => undefined);
const [folder = ''] = process.argv.slice(2);
const level = await Level.open(folder);
const value = Buffer.alloc(8192, 'a');
let written = 0;
let failure: unknown;
while (failure === undefined && written < 10_000) {
  try {
    await level.write([{ type: 'put', key: `key-${String(written).padStart(5, '0')}`, value }]);
    written += 1;
  } catch (error) {
    failure = error;
  }
}
// It cannot be opened anew either, for a while; afterwards reading alone has to bring it back.
await rename(folder, `${folder}.aside`);
await writeFile(folder, '');
const closed = await level.write([]).catch((error: unknown) => error);
await rm(folder);
await rename(`${folder}.aside`, folder);
const first = await level.get('key-00000');
await level.write([{ type: 'put', key: 'last', value: Buffer.from('there') }]);
const entries = await level.entries('key-');
await level.close();
process.stdout.write(
  JSON.stringify({
    written,
    code: failure instanceof UserError ? failure.code : String(failure),
    closed: closed instanceof UserError ? closed.code : String(closed),
    first: first?.length,
    kept: entries.length,
  }),
);
