import { dirname, join } from 'node:path';
import type { RunProgram } from '../../build/builder.ts';
import { placesIn } from '../../build/places.ts';
import { goEnvironment } from '../../build/recipe/compile.ts';
import type { CompileDescription } from '../../build/recipe/description.ts';
import { UserError } from '../../errors.ts';
import type { Report } from '../../events.ts';
import type { PreparedFunction } from '../built-function.ts';
import type { TestCase } from '../result.ts';
import { type GoEvent, judgeGoEvents, readGoEvent } from './judge-go.ts';

/** How long compiling the tests may take, in milliseconds: a Raspberry Pi with an empty build cache needs minutes. */
const compileLimit = 1_200_000;

/** What running a function's Go tests needs. */
export interface GoTestRun {
  readonly prepared: PreparedFunction & { readonly description: CompileDescription };
  /** Milliseconds for the tests of one package. */
  readonly limit: number;
  /** File for the coverage; none without it. */
  readonly coverage: string | undefined;
  readonly run: RunProgram;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/**
 * Runs `go test` on a function's packages in its build context, where they are the module that is compiled into the image,
 * whatever the user's folder is. Throws BAN-E207 and BAN-E206 as compiling does, BAN-E645 where the tests do not compile.
 */
export async function runGoTests(request: GoTestRun): Promise<readonly TestCase[]> {
  const { prepared, limit, coverage, run, report, signal } = request;
  const { name, context, inContext, handler, description, platform } = prepared;
  const source = { name, context, handler, into: prepared.root, run, signal, description, platform };
  const environment = await goEnvironment(source);
  const events: GoEvent[] = [];
  const said: string[] = [];
  const flags = description.flags.filter((flag) => !flag.startsWith('-ldflags'));
  const ended = await run(
    'go',
    [
      'test',
      '-json',
      ...flags,
      `-timeout=${limit}ms`,
      ...(coverage === undefined ? [] : ['-coverprofile', coverage, `-coverpkg=./${inContext}/...`]),
      `./${inContext}/...`,
    ],
    {
      cwd: context,
      environment,
      signal,
      timeout: compileLimit + limit,
      onStdoutLine: (line) => {
        const event = readGoEvent(line);
        if (event === undefined) said.push(line);
        else events.push(event);
        const text = event?.Output?.trimEnd();
        if (text !== undefined && text !== '') report({ type: 'log', about: name, text, stream: 'stdout' });
      },
      onStderrLine: (line) => said.push(line),
    },
  );
  if (ended.timedOut)
    throw new UserError('BAN-E646', `${name}: go test did not end within ${(compileLimit + limit) / 60_000} minutes`, {
      hint: 'try again: what was compiled so far is kept',
    });
  const module = description.handler.import;
  const paths = { context: join(context, inContext), handler, module };
  const judged = judgeGoEvents(events, paths);
  if (judged.broken.length === 0 && (ended.exitCode === 0 || judged.cases.some(({ verdict }) => verdict === 'failed')))
    return judged.cases;
  const relevant = said.filter((line) => !/^go: downloading |^FAIL$|^$/.test(line));
  const details = [...judged.broken, ...relevant.map((line) => toUser(line, paths))];
  throw new UserError('BAN-E645', `${name}: the unit tests cannot be compiled`, {
    details,
    places: placesIn(details),
    hint: 'correct the lines named above',
  });
}

function toUser(
  line: string,
  { context, handler, module }: { context: string; handler: string; module: string },
): string {
  return line
    .replaceAll(context, handler)
    .replace(new RegExp(`^${module.split('/').at(-1) ?? module}/`), `${handler}/`)
    .replace(/^([\w./-]+\.go):(?=\d+:\d+:)/, (whole, file: string) =>
      file.startsWith('/') ? whole : `${join(dirname(handler), file)}:`,
    );
}
