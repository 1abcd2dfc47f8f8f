import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Answer } from '../../cli/command.ts';
import { deploy } from '../../cli/commands/fn/deploy.ts';
import { type Context, openContext } from '../../cli/context.ts';
import { Interrupted, UserError } from '../../cli/errors.ts';
import type { Report } from '../../cli/events.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { openGateway } from '../../cli/openfaas/client.ts';
import { dialectOf } from '../../cli/openfaas/dialects.ts';
import type { Registry } from '../../cli/registry/registry.ts';
import { openReplicaProbe } from '../../cli/replica/http-probe.ts';
import { elfMachines, makeElf, packLayer } from '../oci/image-parts.ts';
import { declare } from '../rollout/example.ts';
import { type StandIn, startStandIn } from '../rollout/stand-in.ts';

const outcomesSchema = v.object({
  functions: v.array(
    v.object({
      name: v.string(),
      verdict: v.optional(v.string()),
      failure: v.optional(v.object({ code: v.string(), message: v.string() })),
    }),
  ),
});

describe('fn deploy of several functions', () => {
  let far: StandIn;
  let folder: string;
  beforeEach(async () => {
    far = await startStandIn();
    folder = await mkdtemp(join(tmpdir(), 'bantam-deploy-'));
    await writeFile(join(folder, 'package.json'), '{"version": "0.0.0"}');
    await mkdir(join(folder, 'template/node22'), { recursive: true });
    await writeFile(join(folder, 'template/node22/template.yml'), 'language: node22\nfprocess: node index.js\n');
  });
  afterEach(async () => {
    await far.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs the command on `hello`, whose image is there, and `broken`, of which the registry answers `trouble`. */
  function run(
    trouble: () => Promise<never>,
    signal = new AbortController().signal,
    { architecture = '', report = () => {} }: { readonly architecture?: string; readonly report?: Report } = {},
  ): Promise<Answer> {
    const functions = [
      declare({ name: 'broken', image: 'registry.lan:5000/broken:1.0' }),
      declare({ name: 'hello', language: 'node22' }),
      declare({ name: 'missing', image: 'registry.lan:5000/missing:1.0' }),
    ];
    const globals = { stack: undefined, gateway: far.url, namespace: undefined, json: false, yes: true };
    const context: Context = {
      ...openContext(
        {
          environment: {},
          folder,
          home: folder,
          packageFolder: folder,
          stdin: process.stdin,
          stdout: process.stdout,
          stderr: process.stderr,
          signal,
        },
        globals,
        report,
      ),
      stack: async () => ({
        file: join(folder, 'stack.yml'),
        folder,
        gateway: undefined,
        functions,
        platforms: undefined,
      }),
      gateway: async () => ({
        gateway: openGateway({ url: far.url }),
        architecture,
        dialect: dialectOf({ provider: { provider: 'faas-netes', orchestration: 'kubernetes' }, arch: '' }),
        probe: openReplicaProbe(far.url),
        source: 'flag',
        describe: 'a stand-in',
      }),
      registry: async () => await registryThat(trouble),
    };
    // What the parser hands over when nothing is given.
    const unset = Object.entries(deploy.options).map(([name, { kind }]) => [
      name,
      kind === 'flag' ? false : kind === 'list' || kind === 'repeated' ? [] : undefined,
    ]);
    const options = { ...Object.fromEntries(unset), noBuild: true, timeout: 10 };
    return deploy.run(
      {
        names: [],
        // As the parser hands them over: the table of commands knows no narrower type.
        options: options as unknown as Parameters<typeof deploy.run>[0]['options'],
        globals,
      },
      context,
    );
  }

  it('keeps what became of the others when one meets a bug of bantam', async () => {
    const answer = await run(async () => {
      throw new TypeError('cannot read properties of undefined');
    });
    assert.equal(answer.exit, 70, 'a bug is the gravest');
    const { functions } = v.parse(outcomesSchema, answer.document);
    assert.deepEqual(
      functions.map(({ name, verdict, failure }) => [name, verdict, failure?.code]),
      [
        ['broken', undefined, 'BAN-BUG'],
        ['hello', 'ready', undefined],
        ['missing', undefined, 'BAN-E503'],
      ],
    );
    const said = JSON.stringify(answer.blocks);
    assert.match(said, /hello +deployed/);
    assert.deepEqual(
      far.sent.map(({ service, envProcess }) => [service, envProcess]),
      [['hello', 'node index.js']],
      'fprocess of its template, as faas-cli sends it',
    );
    assert.match(said, /broken +cannot read properties of undefined +\(BAN-BUG\)/);
  });

  it('says so where nothing proves that the image runs on the gateway’s machine, and deploys it', async () => {
    const warnings: string[] = [];
    const report: Report = (event) => {
      if (event.type === 'warning') warnings.push(`${event.about}: ${event.text}`);
    };
    const absent = async () => {
      throw new UserError('BAN-E303', 'no such manifest');
    };
    // Its program is 386 code, which an amd64 kernel runs or not, as it is set.
    const answer = await run(absent, undefined, { architecture: 'amd64', report });
    assert.deepEqual(
      v.parse(outcomesSchema, answer.document).functions.map(({ name, verdict }) => [name, verdict]),
      [
        ['broken', undefined],
        ['hello', 'ready'],
        ['missing', undefined],
      ],
    );
    assert.deepEqual(warnings, [
      'hello: nothing proves that its image runs on amd64: /fn is x86 (32-bit), which linux/amd64 runs only if its kernel is set so',
    ]);
  });

  it('ends altogether when it is interrupted', async () => {
    const stop = new AbortController();
    const running = run(async () => {
      stop.abort();
      throw new Interrupted();
    }, stop.signal);
    await assert.rejects(running, Interrupted);
  });
});

/** Holds `hello` only, an image of a bantam runtime for amd64 whose program is 386's. */
async function registryThat(trouble: () => Promise<never>): Promise<Registry> {
  const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const layer = await packLayer([{ name: 'fn', content: makeElf(elfMachines['386']) }]);
  const config = encode({
    os: 'linux',
    architecture: 'amd64',
    config: { Labels: { 'bantam.runtime': '1' }, Entrypoint: ['/fn'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] },
    history: [],
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const bytes = encode({
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: sha256Digest(config),
      size: config.length,
    },
    layers: [
      {
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: sha256Digest(layer),
        size: layer.length,
      },
    ],
  });
  const unexpected = async (): Promise<never> => {
    throw new Error('a deployment without a build must not ask this');
  };
  return {
    async manifest(reference) {
      if (reference.repository.endsWith('broken')) return await trouble();
      if (reference.repository.endsWith('missing')) throw new UserError('BAN-E303', 'no such manifest');
      return { digest: sha256Digest(bytes), mediaType, bytes };
    },
    blob: async (_reference, digest) => ReadableStream.from([digest === sha256Digest(layer) ? layer : config]),
    putManifest: unexpected,
    putBlob: unexpected,
    digestOf: unexpected,
    hasBlob: async () => true,
  };
}
