import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildRequest, withPlans } from '../../cli/build/build-functions.ts';
import type { BuildOutcome } from '../../cli/build/builder.ts';
import type { BuildPlan } from '../../cli/build/plan.ts';
import { parsePlatform } from '../../cli/oci/platform.ts';
import { readStack } from '../../cli/stack/read.ts';
import { findTemplate } from '../../cli/template/find.ts';
import { makeTemporaryFolder, removeTemporaryFolders, templates, writeFiles } from '../templates/build-context.ts';
import { exampleSettings } from './example-settings.ts';

describe('the platforms of a template', () => {
  after(removeTemporaryFolders);

  /** What is planned for a function in TypeScript and one in Go. */
  async function plan(...platforms: string[]): Promise<readonly (BuildPlan | BuildOutcome)[]> {
    const folder = await makeTemporaryFolder();
    await writeFiles(folder, {
      'stack.yml': `version: 1.0
provider: { name: openfaas }
functions:
  ts: { lang: bantam-ts, handler: ./ts, image: "127.0.0.1:1/ts:1" }
  go: { lang: bantam-go, handler: ./go, image: "127.0.0.1:1/go:1" }
`,
      'ts/handler.ts': 'export default async () => new Response();\n',
      'go/handler.go': 'package function\n',
    });
    await symlink(templates, join(folder, 'template'));
    const { stack } = await readStack(join(folder, 'stack.yml'), { environment: {} });
    const request: BuildRequest = {
      stack,
      functions: stack.functions,
      platforms: platforms.map(parsePlatform),
      output: () => ({ kind: 'check' }),
      settings: exampleSettings(),
    };
    const ports = { findTemplate, report: () => {}, signal: new AbortController().signal };
    return await withPlans(request, ports, async (made) => made);
  }

  it('a platform that it has no base image for is an error before anything is built', async () => {
    const [ts, go] = await plan('linux/arm64', 'linux/arm/v6');
    assert.ok(ts !== undefined && 'failure' in ts);
    assert.equal(ts.failure.code, 'BAN-E211');
    assert.equal(ts.failure.message, 'ts: the template bantam-ts cannot be built for linux/arm/v6');
    assert.match(ts.failure.hint ?? '', /linux\/amd64, linux\/arm64, linux\/arm\/v7/);
    assert.ok(go !== undefined && !('failure' in go), 'Go runs there');
  });

  it('the usual ones are planned', async () => {
    for (const planned of await plan()) assert.ok(!('failure' in planned));
    for (const planned of await plan('armhf', 'linux/arm64/v8')) assert.ok(!('failure' in planned));
  });
});
