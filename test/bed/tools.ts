import { join } from 'node:path';
import { cached } from './cache.ts';
import { run } from './program.ts';
import type { Work } from './work.ts';

const tools = {
  crane: { package: 'github.com/google/go-containerregistry/cmd/crane', version: 'v0.22.1' },
  actionlint: { package: 'github.com/rhysd/actionlint/cmd/actionlint', version: 'v1.7.12' },
  // There are no tagged versions of it.
  conformance: {
    package: 'github.com/opencontainers/distribution-spec/conformance',
    version: 'v0.0.0-20260831232431-97274622c111',
  },
} as const;

export type Tool = keyof typeof tools;

export interface BuiltTool {
  readonly program: string;
  readonly version: string;
}

/** A program of the Go module proxy, compiled into the cache. Throws when this machine has no Go or the proxy refuses. */
export async function provideTool(work: Pick<Work, 'report' | 'signal'>, name: Tool): Promise<BuiltTool> {
  const tool = tools[name];
  const { folder } = await cached(name, { tool, platform: `${process.platform}/${process.arch}` }, async (target) => {
    const go = await run('go', ['version']).catch((error: unknown) => {
      throw new Error('needs Go to be compiled, and there is no go on PATH', { cause: error });
    });
    work.report(`compiling ${name} ${tool.version} (about a minute)`);
    const environment = { GOBIN: target, GOFLAGS: '', CGO_ENABLED: '0' };
    await run('nice', ['-n', '10', 'go', 'install', `${tool.package}@${tool.version}`], {
      environment,
      timeout: 900_000,
      signal: work.signal,
    });
    return { [name]: tool.version, go };
  });
  return { program: join(folder, name), version: tool.version };
}
