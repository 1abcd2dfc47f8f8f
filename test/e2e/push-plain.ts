import assert from 'node:assert/strict';
import * as v from 'valibot';
import { parseReference } from '../../cli/oci/reference.ts';
import type { ImageReader } from '../../cli/registry/registry.ts';

const descriptor = v.object({ digest: v.string(), mediaType: v.string() });
const manifestSchema = v.object({
  manifests: v.optional(v.array(descriptor)),
  config: v.optional(descriptor),
  layers: v.optional(v.array(descriptor)),
});

/** Copies the image `from` (a reference by digest) to `to` (`127.0.0.1:8585/hello:1`) with plain requests; its reference by digest there. */
export async function pushPlain(source: ImageReader, from: string, to: string): Promise<string> {
  const target = parseReference(to);
  const base = `http://${target.registry}/v2/${target.repository}`;
  const copy = async (digest: string, tag: string): Promise<void> => {
    const { bytes, mediaType } = await source.manifest({ ...parseReference(from), digest });
    const { manifests = [], config, layers = [] } = v.parse(manifestSchema, JSON.parse(Buffer.from(bytes).toString()));
    for (const child of manifests) await copy(child.digest, child.digest);
    for (const blob of config === undefined ? layers : [config, ...layers]) {
      const body = await new Response(await source.blob(parseReference(from), blob.digest)).arrayBuffer();
      const started = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
      const place = new URL(started.headers.get('location') ?? '', base);
      place.searchParams.set('digest', blob.digest);
      const headers = { 'Content-Type': 'application/octet-stream' };
      assert.equal((await fetch(place, { method: 'PUT', headers, body })).status, 201);
    }
    const put = await fetch(`${base}/manifests/${tag}`, {
      method: 'PUT',
      headers: { 'Content-Type': mediaType },
      body: Buffer.from(bytes),
    });
    assert.equal(put.status, 201, await put.text());
  };
  const digest = parseReference(from).digest ?? '';
  await copy(digest, target.tag ?? 'latest');
  return `${to}@${digest}`;
}
