/** Media types of the four documents that a registry keeps as manifests (image-spec, media-types.md; Docker's distribution manifest v2, schema 2). */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
} as const;

/** What to accept when a manifest is asked for. A registry that does not see the stored type here answers 404 or converts. */
export const manifestMediaTypes: readonly string[] = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
];

/** Whether a media type is that of a list of manifests. */
export function isIndexMediaType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerIndex;
}

/** Whether a media type is that of one image's manifest. */
export function isImageMediaType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest;
}

/** Whether containerd takes what a manifest lists under this media type for a layer (core/images, `IsLayerType`); the rest it leaves alone. */
export function isLayerMediaType(mediaType: string): boolean {
  return /^application\/vnd\.oci\.image\.layer\.|^application\/vnd\.docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:$|[.+])|^application\/vnd\.erofs\.layer\.v1(?:$|\+)/.test(
    mediaType,
  );
}

/** Why bantam cannot read a layer of this media type though it is one, as a clause; undefined if it can. */
export function explainUnreadableLayer(mediaType: string): string | undefined {
  if (/\+encrypted(?:$|\+)/.test(mediaType)) return 'one of its layers is encrypted';
  return mediaType.includes('.erofs.') ? 'one of its layers is an EROFS file system' : undefined;
}
