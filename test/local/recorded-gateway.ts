import { join } from 'node:path';
import type { Dialect } from '../../cli/local/dialect/dialect.ts';
import { createGateway } from '../../cli/local/gateway/gateway.ts';
import { listen } from '../../cli/local/gateway/listen.ts';
import { SecretStore } from '../../cli/local/state/secret-store.ts';
import type { ImageNames } from '../recordings/exchanges.ts';
import type { Gateway } from '../recordings/gateway-call.ts';
import { readExchange } from '../recordings/read-recording.ts';
import { RecordedProvider } from './recorded-provider.ts';

/** The registry that the recordings name. */
export const recordedRegistry = 'registry.test:5000';

/** An embedded gateway before the functions that the recordings name. */
export interface RecordedGateway {
  readonly gateway: Gateway;
  readonly provider: RecordedProvider;
  readonly images: ImageNames;
  close(): Promise<void>;
}

/** Starts one on a free port. `folder` holds its secrets. */
export async function startRecordedGateway(
  folder: string,
  dialect: Dialect,
  recordings: 'faasd' | 'faas-netes',
): Promise<RecordedGateway> {
  const digests = await pushedDigests(recordings);
  const closing = new AbortController();
  const secrets = await SecretStore.open(join(folder, 'secrets'));
  const credentials = { user: 'admin', password: 'the-password' };
  const provider = new RecordedProvider({
    tagOf: (image) => tagOf(image, digests),
    secretFile: (name) => secrets.file(name),
    hostName: recordings === 'faasd' ? "the function's" : 'a name of its own',
  });
  const listener = await listen(
    '127.0.0.1',
    0,
    createGateway({
      provider,
      secrets,
      dialect,
      credentials,
      version: '9.9.9',
      closing: closing.signal,
      page: { answer: () => new Response('the page') },
    }),
  );
  return {
    gateway: { url: new URL(`http://127.0.0.1:${listener.port}`), ...credentials },
    provider,
    images: {
      tagged: (tag) => `${recordedRegistry}/recorded:${tag}`,
      digest: (tag) => digests.get(tag) ?? '',
    },
    async close() {
      closing.abort();
      await listener.close();
      await provider.close();
    },
  };
}

/** The digests of the images that were pushed, by tag: they stand in the recorded requests. */
async function pushedDigests(recordings: 'faasd' | 'faas-netes'): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  for (const [tag, name] of [
    ['one', 'create-by-tag-and-digest'],
    ['two', 'update-by-digest'],
  ] as const) {
    const { request } = await readExchange(recordings, name);
    digests.set(tag, /sha256:[0-9a-f]{64}/.exec(request.body ?? '')?.[0] ?? '');
  }
  return digests;
}

/** The recorded image that a reference means: its digest's, else its tag's. */
function tagOf(image: string, digests: ReadonlyMap<string, string>): string | undefined {
  if (!image.startsWith(`${recordedRegistry}/recorded`)) return undefined;
  const digest = /@(?<digest>sha256:.*)$/.exec(image)?.groups?.['digest'];
  if (digest !== undefined) return [...digests].find(([, known]) => known === digest)?.[0];
  return image.slice(`${recordedRegistry}/recorded:`.length);
}
