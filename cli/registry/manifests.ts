import { UserError } from '../errors.ts';
import { isDigest, sha256Digest, verifyDigest } from '../oci/digest.ts';
import { manifestMediaTypes } from '../oci/media-types.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { describeAnswer, expectSuccess, unexpected } from './answers.ts';
import { readBody } from './body.ts';
import type { Registry, StoredManifest } from './registry.ts';
import type { Ask } from './requests.ts';

/** The calls about manifests. `timeout`: longest silence within an answer, milliseconds. */
export function openManifests(ask: Ask, timeout: number): Pick<Registry, 'manifest' | 'putManifest' | 'digestOf'> {
  const readManifest = async (reference: Reference, signal: AbortSignal | undefined): Promise<StoredManifest> => {
    const name = `manifest of ${formatReference(reference)}`;
    const path = `manifests/${reference.digest ?? reference.tag ?? 'latest'}`;
    for (let attempt = 1; ; attempt += 1) {
      const sent = await ask(reference, { method: 'GET', path, action: 'pull', headers: acceptManifests, signal });
      await expectSuccess(sent, name, { timeout, signal });
      const { answer, exchange } = sent;
      const bytes = await readBody(answer, manifestLimit, { exchange, timeout, signal }).catch((error: unknown) => {
        // It is small: if the connection broke in the middle of it, it is simply read again.
        if (attempt < 2 && error instanceof UserError && error.code === 'BAN-E301') return undefined;
        throw error;
      });
      if (bytes === undefined) continue;
      const announced = answer.header('docker-content-digest') ?? '';
      const expected = reference.digest ?? (isDigest(announced) ? announced : undefined);
      if (expected !== undefined) verifyDigest(bytes, expected, name);
      const mediaType = answer.header('content-type')?.split(';')[0] ?? '';
      return { digest: expected ?? sha256Digest(bytes), mediaType, bytes };
    }
  };

  return {
    manifest: readManifest,
    async putManifest(reference, manifest, tag, signal) {
      const digest = sha256Digest(manifest.bytes);
      const headers = { 'content-type': manifest.mediaType };
      const path = `manifests/${tag ?? digest}`;
      const patience = { timeout, signal };
      const body = manifest.bytes;
      const sent = await ask(reference, { method: 'PUT', path, action: 'pull,push', headers, body, signal });
      if (sent.answer.status === 404) {
        throw unexpected(sent.exchange, await describeAnswer(sent, patience), 'check that the registry accepts pushes');
      }
      await expectSuccess(sent, `repository ${reference.repository}`, patience);
      const stored = sent.answer.header('docker-content-digest') ?? digest;
      await describeAnswer(sent, patience);
      if (stored === digest) return digest;
      throw new UserError(
        'BAN-E306',
        `the registry ${reference.registry} stored ${path} as ${stored}, not as ${digest}`,
        {
          hint: 'a registry that changes manifests cannot be used: check any proxy in front of it',
        },
      );
    },
    async digestOf(reference, signal) {
      const { registry, repository, tag } = reference;
      const byTag = tag === undefined ? reference : { registry, repository, tag };
      const path = `manifests/${tag ?? reference.digest ?? 'latest'}`;
      const sent = await ask(reference, { method: 'HEAD', path, action: 'pull', headers: acceptManifests, signal });
      const { answer } = sent;
      if (answer.status === 404 && answer.header('content-type')?.startsWith('text/html') !== true) {
        answer.release();
        return undefined;
      }
      await expectSuccess(sent, `manifest of ${formatReference(reference)}`, { timeout, signal });
      answer.release();
      const digest = answer.header('docker-content-digest') ?? '';
      // Some registries leave the header out of HEAD answers.
      return isDigest(digest) ? digest : (await readManifest(byTag, signal)).digest;
    },
  };
}

const acceptManifests = { accept: manifestMediaTypes.join(', ') };

/** The size up to which registries must take manifests (distribution-spec, "Pushing Manifests"): 4 MiB. */
const manifestLimit = 4 * 1024 * 1024;
