import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { PartName } from '../bed/parts.ts';
import { needParts } from '../real-parts.ts';
import { call, waitFor200 } from './runtime/calls.ts';
import { type ReplicaContainer, removeReplicas, runReplica } from './runtime/container.ts';
import { parentFiles } from './runtime/echo.ts';
import { buildFunctions, removeImages } from './runtime/images.ts';

const own = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
const emulated: Readonly<Record<string, PartName>> = {
  'linux/arm64': 'emulation-arm64',
  'linux/arm/v7': 'emulation-arm',
  'linux/arm/v6': 'emulation-arm',
};
const platforms = {
  ts: [...new Set([own, 'linux/arm64', 'linux/arm/v7'])],
  go: [...new Set([own, 'linux/arm64', 'linux/arm/v7', 'linux/arm/v6'])],
} as const;
/** What is enough. QEMU's own memory counts against an emulated container. */
const memory = { ts: '64m', go: '16m', emulated: '256m' } as const;

describe('the runtimes in containers', function () {
  this.timeout(300_000);
  let images: Readonly<Record<'hello-ts' | 'hello-go' | 'parent', string>> | undefined;

  before(async function () {
    const bed = await needParts(this, 'engine', 'buildx', 'registry', 'bases');
    images = await buildFunctions(bed.registry ?? '', {
      'hello-ts': { language: 'ts', platforms: platforms.ts },
      'hello-go': { language: 'go', platforms: platforms.go },
      parent: { language: 'go', platforms: [own], files: parentFiles },
    });
  });
  afterEach(removeReplicas);
  after(async () => {
    if (images !== undefined) await removeImages(images);
  });

  const imageOf = (name: 'hello-ts' | 'hello-go' | 'parent'): string => {
    assert.ok(images);
    return images[name];
  };

  for (const language of ['ts', 'go'] as const) {
    for (const platform of platforms[language]) {
      it(`bantam-${language} on ${platform}: no root, no capability, nothing to write to; drains and ends with 0`, async function () {
        const part = platform === own ? undefined : emulated[platform];
        if (part !== undefined) await needParts(this, part);
        const replica = await runReplica({
          image: imageOf(`hello-${language}`),
          platform,
          memory: platform === own ? memory[language] : memory.emulated,
          environment: { healthcheck_interval: '1s' },
        });
        try {
          await answers(replica);
          await drains(replica);
        } catch (error) {
          throw new Error(`${(error as Error).message}\nits log:\n${await replica.logs()}`, { cause: error });
        }
      });
    }
  }

  it('bantam-go as the first process of its container leaves no zombie, and takes no child from the handler', async () => {
    const { url } = await runReplica({ image: imageOf('parent'), memory: '64m' });
    await waitFor200(`${url}/_/ready`, 30_000);
    assert.equal((await call(`${url}/orphan`, { limit: 30_000 })).body, 'gone');
    assert.equal((await call(`${url}/children`, { limit: 30_000 })).body, '40');
  });
});

async function answers({ url, metricsUrl, processes }: ReplicaContainer): Promise<void> {
  await waitFor200(`${url}/_/health`, 60_000);
  const ready = await waitFor200(`${url}/_/ready`, 60_000);
  assert.equal(ready.body.trim(), 'OK');
  const greeting = await call(`${url}/?name=Pi`, { limit: 30_000 });
  assert.deepEqual([greeting.status, greeting.body.trim()], [200, '{"message":"Hello, Pi!"}']);
  const metrics = await call(`${metricsUrl}/metrics`);
  assert.match(metrics.body, /^http_requests_total\{code="200",method="get"\} 1$/m);
  const { first, all } = await processes();
  assert.deepEqual(all, [first], 'one process, the first of its container');
}

/** A call whose body is still on its way when the port closes gets its answer; others see before that it is not ready. */
async function drains({ url, stop }: ReplicaContainer): Promise<void> {
  const slow = request(url, { method: 'POST', headers: { expect: '100-continue' } });
  const answer = new Promise<string>((resolve, reject) => {
    slow.on('response', (response) => text(response).then(resolve, reject));
    slow.on('error', reject);
  });
  answer.catch(() => undefined); // looked at below
  // The runtime says this when it has seen the call, so that it is in flight before the signal.
  await new Promise((resolve) => slow.on('continue', resolve).on('error', resolve).flushHeaders());
  slow.write('{"name":');
  const stopped = stop();
  await untilNotReady(url);
  assert.equal((await call(`${url}/_/health`)).status, 200);
  assert.equal((await call(`${url}/?name=late`, { limit: 30_000 })).headers.connection, 'close');
  await untilClosed(url); // what is in flight has to outlive the window, and not only the signal
  slow.end('"Pi"}');
  assert.equal((await answer).trim(), '{"message":"Hello, Pi!"}');
  assert.deepEqual(await stopped, { exitCode: 0, outOfMemory: false });
}

/** Until nobody answers there any more. */
async function untilClosed(url: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  const isOpen = (): Promise<boolean> =>
    call(`${url}/_/health`, { limit: 5000 }).then(
      () => true,
      () => false,
    );
  while (await isOpen()) if (performance.now() > deadline) throw new Error('the port is open 20 s after docker stop');
}

async function untilNotReady(url: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while ((await call(`${url}/_/ready`)).status !== 503)
    if (performance.now() > deadline) throw new Error('still ready 10 s after docker stop');
}
