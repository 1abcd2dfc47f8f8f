import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildOptions } from '../../cli/commands/build-options.ts';
import { runProgram } from '../../cli/tools/exec.ts';
import { needParts } from '../real-parts.ts';

const text = async (): Promise<string> => await readFile(new URL('../../docs/building.md', import.meta.url), 'utf8');

/** A cluster that nobody answers for: buildx checks the options of a builder before it asks. */
const cluster = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
users: [{name: u, user: {token: x}}]
`;

describe('docs/building.md', () => {
  it('names every option of a build, and no other', async () => {
    const page = await text();
    const flags = Object.values(buildOptions).flatMap(({ flags: written }) => /--[a-z-]+/.exec(written)?.[0] ?? []);
    const known = new Set([...flags, '--print', '--push', '--load', '--trust', '--shrinkwrap']);
    const ofOthers = /^(?:docker|kubectl|ln|git) .*$|`git describe[^`]*`|--buildkitd-config|--mount/gm;
    const named = new Set(page.replace(ofOthers, '').match(/--[a-z][a-z-]+/g));
    for (const option of named) assert.ok(known.has(option), `${option} is no option`);
    for (const option of flags)
      if (option !== '--build-context' && option !== '--build-arg' && option !== '--build-option')
        assert.ok(named.has(option), `${option} is not there`);
  });

  it('shows commands for builders on the Pis that docker buildx takes', async function () {
    await needParts(this, 'buildx');
    const folder = await mkdtemp(join(tmpdir(), 'bantam-builders-'));
    try {
      await writeFile(join(folder, 'kubeconfig'), cluster);
      const environment = { BUILDX_CONFIG: join(folder, 'buildx'), KUBECONFIG: join(folder, 'kubeconfig') };
      const docker = async (words: readonly string[]) =>
        await runProgram('docker', words, { environment, timeout: 60_000 });
      const commands = (await text()).split('\n').filter((line) => line.startsWith('docker buildx create '));
      assert.equal(commands.length, 2);
      for (const command of commands) {
        const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
        const made = await docker(words.slice(1));
        assert.equal(made.exitCode, 0, made.stderr);
        const wrong = await docker(
          words
            .slice(1)
            .filter((word) => word !== '--append')
            .map((word) => (word === 'pis' ? 'wrong' : word.replace('nodeselector', 'nodeselektor'))),
        );
        assert.match(wrong.stderr, /invalid driver option nodeselektor/, 'it would be noticed');
      }
      const listed = (await docker(['buildx', 'ls'])).stdout;
      assert.match(listed, /pis-arm64[^\n]*linux\/arm64\*, linux\/arm\/v7\*/);
      assert.match(listed, /pis-amd64[^\n]*linux\/amd64\*/);
      assert.match((await docker(['buildx', 'ls'])).stdout, /^default\*/m, 'the current builder stays');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
