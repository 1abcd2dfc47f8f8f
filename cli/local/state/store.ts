import { CallRecords } from './call-records.ts';
import { FunctionRecords } from './function-records.ts';
import { Level } from './level.ts';

/** What a local gateway knows again after it was killed: its functions and the asynchronous calls that are not over. */
export interface LocalStore {
  readonly functions: FunctionRecords;
  readonly calls: CallRecords;
  /** Under which name (`127.0.0.1:8585`) images of the embedded registry are deployed; `undefined` before the first start. */
  lastRegistry(): Promise<string | undefined>;
  keepRegistry(name: string): Promise<void>;
  close(): Promise<void>;
}

const registryKey = 'setting!registry';

/** Opens the store in a folder of its own (`.bantam/store`), for one process at a time. Throws BAN-E004, BAN-E625, BAN-E626. */
export async function openLocalStore(folder: string): Promise<LocalStore> {
  const level = await Level.open(folder);
  return {
    functions: new FunctionRecords(level),
    calls: new CallRecords(level),
    lastRegistry: async () => (await level.get(registryKey))?.toString('utf8'),
    keepRegistry: async (name) =>
      await level.write([{ type: 'put', key: registryKey, value: Buffer.from(name, 'utf8') }]),
    close: async () => await level.close(),
  };
}
