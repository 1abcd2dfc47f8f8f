const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;

/** An index as buildx writes it, with an attestation. */
export const sampleIndex = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [
    {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digest('1'),
      size: 480,
      platform: { architecture: 'amd64', os: 'linux' },
    },
    {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digest('2'),
      size: 480,
      platform: { architecture: 'arm', os: 'linux', variant: 'v7', 'os.version': '1', 'os.features': ['x'] },
    },
    {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digest('3'),
      size: 566,
      annotations: {
        'vnd.docker.reference.digest': digest('1'),
        'vnd.docker.reference.type': 'attestation-manifest',
      },
      platform: { architecture: 'unknown', os: 'unknown' },
    },
  ],
  annotations: { 'org.opencontainers.image.created': '2026-01-01T00:00:00Z' },
};

/** An image of two layers. */
export const sampleManifest = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digest('4'), size: 900 },
  layers: [
    { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digest('5'), size: 2048 },
    { mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', digest: digest('6'), size: 32 },
  ],
  annotations: {},
};

/** Its configuration. */
export const sampleConfig = {
  created: '2026-01-01T00:00:00Z',
  architecture: 'arm64',
  os: 'linux',
  variant: 'v8',
  config: {
    User: '1000',
    ExposedPorts: { '8080/tcp': {} },
    Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'A=b=c', 'EMPTY='],
    Entrypoint: ['docker-entrypoint.sh', '--'],
    Cmd: ['node', 'index.js'],
    WorkingDir: '/home/app',
    Labels: { a: 'b' },
    StopSignal: 'SIGTERM',
  },
  rootfs: { type: 'layers', diff_ids: [digest('7'), digest('8')] },
  history: [{ created_by: 'COPY . .' }, { created_by: 'CMD ["node"]', empty_layer: true }, { comment: 'x' }],
};
