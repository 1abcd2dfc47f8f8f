import type { Answer, Block } from '../command.ts';
import type { Context } from '../context.ts';
import { describeFailure, exitCodeOf, exitCodes, type Failure, gravest, Interrupted, UserError } from '../errors.ts';
import { pullCredentials } from '../local/docker/pull-credentials.ts';
import { runImage } from '../local/docker/run-image.ts';
import { awaitReadiness } from '../local/replicas/readiness.ts';
import { formatPlatform, parsePlatform } from '../oci/platform.ts';
import { openDockerCredentials } from '../registry/credentials.ts';
import type { StackFunction } from '../stack/stack.ts';
import { describeFailureOf } from './describe-outcome.ts';

/** How long a started function may take to call itself ready, in milliseconds; emulated programs are slow. */
const readyBound = 30_000;

/** What `fn test --image` was asked for. */
export interface ImageTestOptions {
  readonly platform: readonly string[];
  readonly path: string | undefined;
  readonly data: string | undefined;
  readonly noCall: boolean;
}

/** Runs the built images as containers, asks for their health and calls them. */
export async function testImages(
  functions: readonly StackFunction[],
  options: ImageTestOptions,
  context: Context,
): Promise<Answer> {
  const platforms =
    options.platform.length === 0 ? [undefined] : options.platform.map((text) => formatPlatform(parsePlatform(text)));
  const results: TestResult[] = [];
  // One after the other: under emulation several at once would only time out together.
  for (const declared of functions)
    for (const platform of platforms) results.push(await testImage(declared, platform, options, context));
  return {
    exit: gravest(
      results.map(({ failure, ok }) =>
        failure === undefined ? (ok ? exitCodes.done : exitCodes.failure) : exitCodeOf(failure),
      ),
    ),
    document: { tests: results },
    blocks: results.flatMap(describe),
  };
}

interface TestResult {
  readonly name: string;
  readonly platform: string;
  readonly ok: boolean;
  readonly healthyAfterMilliseconds?: number;
  /** False for foreign templates, whose runtimes do not know `/_/ready`. */
  readonly ready?: boolean;
  readonly call?: { readonly status: number; readonly body: string };
  readonly logs?: readonly string[];
  readonly failure?: Failure;
}

async function testImage(
  declared: StackFunction,
  platform: string | undefined,
  options: ImageTestOptions,
  context: Context,
): Promise<TestResult> {
  const { report, signal } = context;
  const about = platform === undefined ? declared.name : `${declared.name} ${platform}`;
  try {
    const started = performance.now();
    const identities = { BANTAM_REVISION: 'test', BANTAM_DEPLOY: 'test' };
    await using running = await runImage(
      {
        engine: await context.engine(),
        image: declared.image,
        platform,
        name: declared.name,
        environment: { ...declared.environment, ...identities },
        limits: declared.limits,
        credentials: pullCredentials(
          openDockerCredentials({
            environment: context.environment,
            homeFolder: context.home,
            runProgram: context.run,
            report,
          }),
        ),
        onProgress: (text) => report({ type: 'progress', about, text }),
        // An old copy of the engine in place of the image in the registry: worth more than a note.
        note: (text) => report({ type: 'warning', about, text }),
      },
      signal,
    );
    const healthyAfterMilliseconds = Math.round(performance.now() - started);
    const ready = await awaitReadiness(running, { subject: declared.image, bound: readyBound }, signal);
    const call = options.noCall ? undefined : await callFunction(running.url, options, signal);
    const logs: string[] = [];
    for await (const { text } of running.logs({ tail: 20 }, signal)) logs.push(text);
    const ok = call === undefined || call.status < 500;
    return {
      name: declared.name,
      platform: running.platform,
      ok,
      healthyAfterMilliseconds,
      ready,
      ...(call === undefined ? {} : { call }),
      logs,
    };
  } catch (thrown) {
    if (thrown instanceof Interrupted || !(thrown instanceof UserError)) throw thrown;
    return { name: declared.name, platform: platform ?? '', ok: false, failure: describeFailure(thrown) };
  } finally {
    report({ type: 'ended', about });
  }
}

async function callFunction(
  url: string,
  options: ImageTestOptions,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const path = options.path === undefined ? '/' : options.path.startsWith('/') ? options.path : `/${options.path}`;
  try {
    const answer = await fetch(`${url}${path}`, {
      method: options.data === undefined ? 'GET' : 'POST',
      body: options.data ?? null,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
    });
    return { status: answer.status, body: (await answer.text()).slice(0, 64 * 1024) };
  } catch (cause) {
    if (signal.aborted) throw new Interrupted();
    throw new UserError(
      'BAN-E603',
      `the function was healthy, but the call ended without an answer: ${cause instanceof Error ? cause.message : String(cause)}`,
      { hint: 'look at its log: bantam fn test --image -v', cause },
    );
  }
}

function describe(result: TestResult): readonly Block[] {
  const { name, platform, failure, ok, healthyAfterMilliseconds: after, ready, call, logs } = result;
  const title = `${name}${platform === '' ? '' : `   ${platform}`}`;
  if (failure !== undefined) return describeFailureOf(title, failure);
  const facts = [
    `healthy after ${((after ?? 0) / 1000).toFixed(1)} s`,
    ready === true ? 'ready' : 'no bantam readiness',
    ...(call === undefined ? [] : [`answered ${call.status}`]),
  ];
  const body =
    call === undefined || call.body === ''
      ? []
      : call.body
          .trimEnd()
          .split('\n')
          .slice(0, 10)
          .map((line) => `    ${line}`);
  const log = ok ? [] : (logs ?? []).map((line) => `    log ${line}`);
  const line: Block = {
    kind: 'line',
    text: [`${ok ? '✓' : '✗'} ${title}`, ...facts].join('   '),
    cells: [name, platform, ok ? 'ok' : 'failed', ...facts],
  };
  return [line, ...[...body, ...log].map((text): Block => ({ kind: 'line', text }))];
}
