import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseDialect, dialectNames } from '../../cli/local/dialect/choose-dialect.ts';
import { type LocalOptions, startLocal } from '../../cli/local/start.ts';
import { openRegistry } from '../../cli/registry/client.ts';
import { openEngine } from '../../cli/tools/engine.ts';
import { removeImages, type TestPlatform } from '../local/test-image.ts';
import { needParts } from '../real-parts.ts';
import { describeGateway, type SuiteTarget } from './suite.ts';

const platform: TestPlatform = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
/** As in use, except that nobody waits for a function that ends at its start. */
const timing = { poll: 200, firstRestart: 100, longestRestart: 400, graceSeconds: 5 };

for (const kind of ['process', 'docker'] as const)
  for (const name of dialectNames)
    describeGateway(`the embedded gateway as ${name}, provider ${kind}`, async (context) => {
      if (kind === 'docker') await needParts(context, 'engine');
      return await open(name, providerOf(kind));
    });

function providerOf(kind: 'process' | 'docker'): Pick<LocalOptions, 'provider' | 'engine'> {
  if (kind === 'docker')
    return { provider: { kind }, engine: () => openEngine({ environment: process.env, home: homedir() }) };
  const credentials = { find: async () => undefined };
  return {
    provider: {
      kind,
      registry: openRegistry({ credentials, report: () => undefined }),
      builtImages: { has: async () => false },
      trust: true,
    },
  };
}

async function open(dialect: string, parts: Pick<LocalOptions, 'provider' | 'engine'>): Promise<SuiteTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'bantam-suite-'));
  const local = await startLocal({
    ...parts,
    stateFolder: join(folder, '.bantam'),
    dialect: chooseDialect(dialect),
    report: () => undefined,
    port: 0,
    timing,
    closeGraceSeconds: 1,
  });
  return {
    url: local.url,
    user: local.user,
    password: local.password,
    registry: local.registry,
    platforms: [platform],
    async close() {
      await local.close();
      if (parts.provider.kind === 'docker') await removeImages(`${local.registry}/suite-`);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
