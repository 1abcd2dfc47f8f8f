import assert from 'node:assert/strict';
import fc from 'fast-check';
import { UserError } from '../../cli/errors.ts';
import { decodeConfig } from '../../cli/oci/config.ts';
import { sha256Digest, verifyDigest } from '../../cli/oci/digest.ts';
import { decodeManifest } from '../../cli/oci/manifest.ts';
import { mediaTypes } from '../../cli/oci/media-types.ts';
import { measureImage } from '../../cli/oci/size.ts';

const bytesOf = (json: unknown) => Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const damaged = (message: RegExp) => (error: unknown) =>
  error instanceof UserError && error.code === 'BAN-E306' && message.test(error.message);

const image = {
  schemaVersion: 2,
  config: { mediaType: mediaTypes.ociConfig, digest: digest('c'), size: 100 },
  layers: [
    { mediaType: mediaTypes.ociLayerGzip, digest: digest('1'), size: 5000 },
    { mediaType: mediaTypes.ociLayerGzip, digest: digest('2'), size: 300 },
    { mediaType: mediaTypes.ociLayerGzip, digest: digest('3'), size: 20 },
  ],
};
const index = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [
    {
      mediaType: mediaTypes.ociManifest,
      digest: digest('a'),
      size: 1,
      platform: { os: 'linux', architecture: 'arm', variant: 'v7', 'os.features': [] },
    },
    {
      mediaType: mediaTypes.ociManifest,
      digest: digest('b'),
      size: 1,
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    },
    { mediaType: mediaTypes.ociManifest, digest: digest('d'), size: 1 },
    { mediaType: mediaTypes.ociIndex, digest: digest('e'), size: 1 },
  ],
};

describe('manifests', () => {
  it('keeps the order of an index, and tells attestations from the rest', () => {
    const decoded = decodeManifest(bytesOf(index), `${mediaTypes.ociIndex}; charset=utf-8`, 'index of x');
    assert.equal(decoded.kind, 'index');
    assert.deepEqual(
      decoded.entries.map(({ descriptor, attestation }) => [descriptor.digest, attestation, descriptor.platform]),
      [
        [digest('a'), false, { os: 'linux', architecture: 'arm', variant: 'v7' }],
        [digest('b'), true, { os: 'unknown', architecture: 'unknown' }],
        [digest('d'), false, undefined],
        [digest('e'), false, undefined],
      ],
    );
  });

  it('takes the media type from the header, the document or the shape', () => {
    for (const [json, type, expected] of [
      [image, mediaTypes.dockerManifest, mediaTypes.dockerManifest],
      [{ ...image, mediaType: mediaTypes.dockerManifest }, 'application/json', mediaTypes.dockerManifest],
      [image, '', mediaTypes.ociManifest],
      [{ schemaVersion: 2, manifests: null }, '', mediaTypes.ociIndex],
    ] as const) {
      assert.equal(decodeManifest(bytesOf(json), type, 'x').mediaType, expected);
    }
  });

  for (const [what, json, type, message] of [
    ['no JSON', '<html>', '', /^the manifest of x is damaged: it is no JSON/],
    ['a list', '[]', '', /no JSON object/],
    ['another type than announced', index, mediaTypes.ociManifest, /announced as .*manifest.*calls itself .*index/],
    ['index and image at once', { ...index, layers: [] }, mediaTypes.ociIndex, /an index and an image at once/],
    ['schema 1', { schemaVersion: 1, fsLayers: [] }, '', /schema 1/],
    [
      'a Helm chart index of its own',
      { schemaVersion: 2, mediaType: 'application/x-other' },
      '',
      /application\/x-other is neither/,
    ],
    ['neither', { schemaVersion: 2 }, '', /neither an image nor an index/],
    ['a strange digest', { ...image, config: { ...image.config, digest: 'md5:00' } }, '', /config\.digest: no sha256/],
    ['a negative size', { ...image, layers: [{ ...image.layers[0], size: -1 }] }, '', /layers\.0\.size/],
  ] as const) {
    it(`refuses ${what}`, () =>
      assert.throws(() => decodeManifest(bytesOf(json), type, 'manifest of x'), damaged(message)));
  }

  it('never fails otherwise, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), fc.constantFrom('', ...Object.values(mediaTypes)), (text, type) => {
        for (const decode of [
          () => decodeManifest(Buffer.from(text), type, 'x'),
          () => decodeConfig(Buffer.from(text), 'x'),
        ]) {
          try {
            decode();
          } catch (error) {
            assert.ok(error instanceof UserError && error.code === 'BAN-E306', String(error));
          }
        }
      }),
    );
  });
});

describe('configurations', () => {
  it('fill in what is absent or null', () => {
    const bare = { platform: { os: 'linux', architecture: 'amd64' }, history: [], diffIds: [] };
    const empty = { Entrypoint: [], Cmd: [], Env: [], Labels: {}, User: '', WorkingDir: '', ExposedPorts: [] };
    for (const config of [
      undefined,
      null,
      {},
      { Entrypoint: null, Cmd: null, Env: null, Labels: null, ExposedPorts: null },
    ]) {
      assert.deepEqual(decodeConfig(bytesOf({ os: 'linux', architecture: 'amd64', config, history: null }), 'x'), {
        ...bare,
        config: empty,
      });
    }
  });

  it('are read as they are', () => {
    const config = {
      Entrypoint: ['/fn'],
      Cmd: ['x'],
      Env: ['A=b=c'],
      Labels: { l: '1' },
      User: '1000',
      WorkingDir: '/app',
      ExposedPorts: { '8080/tcp': {} },
    };
    const history = [
      { created_by: 'COPY a', created: '2020' },
      { created_by: 'ENV', empty_layer: true },
    ];
    const decoded = decodeConfig(
      bytesOf({
        os: 'linux',
        architecture: 'arm',
        variant: 'v7',
        config,
        history,
        rootfs: { type: 'layers', diff_ids: [digest('9')] },
      }),
      'x',
    );
    assert.deepEqual(decoded, {
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      config: { ...config, ExposedPorts: ['8080/tcp'] },
      history: [
        { createdBy: 'COPY a', emptyLayer: false },
        { createdBy: 'ENV', emptyLayer: true },
      ],
      diffIds: [digest('9')],
    });
  });

  it('need not name a platform', () => {
    assert.deepEqual(decodeConfig(bytesOf({}), 'x').platform, { os: '', architecture: '' });
  });

  it('say where they are damaged', () => {
    assert.throws(
      () => decodeConfig(bytesOf({ os: 'linux', architecture: 7 }), 'configuration of x'),
      damaged(/configuration of x is damaged: architecture/),
    );
    assert.throws(
      () => decodeConfig(bytesOf({ os: 'l', architecture: 'a', config: { Entrypoint: 'sh' } }), 'x'),
      damaged(/config\.Entrypoint/),
    );
  });
});

describe('sizes', () => {
  const decoded = decodeManifest(bytesOf(image), '', 'x');
  assert.ok(decoded.kind === 'image');
  const steps = [
    ['ADD base', false],
    ['CMD', true],
    ['COPY deps', false],
    ['ENV', true],
    ['COPY fn', false],
    ['ENTRYPOINT', true],
  ] as const;
  const history = steps.map(([created_by, empty_layer]) => ({ created_by, empty_layer }));
  const configOf = (entries: unknown) =>
    decodeConfig(bytesOf({ os: 'linux', architecture: 'amd64', history: entries }), 'x');

  for (const [entries, own, base] of [
    [0, 0, 5320],
    [1, 0, 5320],
    [2, 20, 5300],
    [4, 320, 5000],
    [6, 5320, 0],
    [undefined, undefined, undefined],
  ] as const) {
    it(`the last ${entries} history entries own ${own} bytes`, () => {
      const size = measureImage(decoded, configOf(history), entries);
      assert.deepEqual([size.total, size.own, size.base], [5420, own, base]);
      assert.deepEqual(
        size.layers.map((layer) => layer.createdBy),
        ['ADD base', 'COPY deps', 'COPY fn'],
      );
    });
  }

  it('claim nothing when history and layers do not match', () => {
    const size = measureImage(decoded, configOf(history.slice(1)), 4);
    assert.deepEqual([size.total, size.own, size.base], [5420, undefined, undefined]);
    assert.deepEqual(
      size.layers.map((layer) => [layer.createdBy, layer.own]),
      [
        ['', undefined],
        ['', undefined],
        ['', undefined],
      ],
    );
  });
});

describe('digests', () => {
  const empty = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  it('are those of the standard', () => assert.equal(sha256Digest(new Uint8Array()), empty));
  it('are checked', () => {
    verifyDigest(new Uint8Array(), empty, 'blob');
    assert.throws(
      () => verifyDigest(Buffer.of(1), empty, 'blob'),
      damaged(/the blob is damaged: its bytes hash to sha256:4bf5/),
    );
    assert.throws(() => verifyDigest(Buffer.of(1), 'md5:0', 'blob'), damaged(/neither sha256 nor sha512/));
  });
});
