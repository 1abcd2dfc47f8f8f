import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Answer } from '../../cli/command.ts';
import { deploy } from '../../cli/commands/fn/deploy.ts';
import { type Context, openContext } from '../../cli/context.ts';
import { Interrupted, UserError } from '../../cli/errors.ts';
import { sha256Digest } from '../../cli/oci/digest.ts';
import { openGateway } from '../../cli/openfaas/client.ts';
import { dialectOf } from '../../cli/openfaas/dialects.ts';
import type { Registry } from '../../cli/registry/registry.ts';
import { openReplicaProbe } from '../../cli/replica/http-probe.ts';
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
  function run(trouble: () => Promise<never>, signal = new AbortController().signal): Promise<Answer> {
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
        () => {},
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
        architecture: '',
        dialect: dialectOf({ provider: { provider: 'faas-netes', orchestration: 'kubernetes' }, arch: '' }),
        probe: openReplicaProbe(far.url),
        source: 'flag',
        describe: 'a stand-in',
      }),
      registry: async () => registryThat(trouble),
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

  it('ends altogether when it is interrupted', async () => {
    const stop = new AbortController();
    const running = run(async () => {
      stop.abort();
      throw new Interrupted();
    }, stop.signal);
    await assert.rejects(running, Interrupted);
  });
});

/** Holds `hello` only, an image of a bantam runtime for amd64. */
function registryThat(trouble: () => Promise<never>): Registry {
  const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
  const config = encode({
    os: 'linux',
    architecture: 'amd64',
    config: { Labels: { 'bantam.runtime': '1' } },
    rootfs: { type: 'layers', diff_ids: [] },
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
    layers: [],
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
    blob: async () => ReadableStream.from([config]),
    putManifest: unexpected,
    putBlob: unexpected,
    digestOf: unexpected,
    hasBlob: async () => true,
  };
}
