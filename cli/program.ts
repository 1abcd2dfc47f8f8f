import { askHelp, calledRow } from './command-table.ts';
import { nobodyReads, openContext, type Surroundings } from './context.ts';
import { describeFailure, type ExitCode, exitCodeOf, exitCodes, Interrupted, UserError } from './errors.ts';
import { readGlobals } from './global-options.ts';
import { type Act, parseLine, readOptions } from './parser.ts';
import { openReporter } from './ui/open-reporter.ts';

/** Runs one command line and returns the exit code; prints through the reporter only. */
export async function runProgramLine(line: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  if (line[0] === '__complete') return await answerShell(line.slice(line[1] === '--' ? 2 : 1), surroundings);
  const argv = askHelp(line);
  let exit: ExitCode = exitCodes.done;
  const wantsJson = argv.includes('--json');
  const { stdout, stderr, environment } = surroundings;
  const reporter = await openReporter({
    stdout,
    stderr,
    environment,
    json: wantsJson,
    quiet: has(argv, 'q', '--quiet'),
    verbose: has(argv, 'v', '--verbose'),
    color: !argv.includes('--no-color'),
  });
  const act: Act = async (command, names, values) => {
    const globals = readGlobals(values);
    const answer = await command.run(
      { names, options: readOptions(command, values), globals },
      openContext(surroundings, globals, reporter.report),
    );
    exit = answer.exit ?? exitCodes.done;
    await reporter.answer(answer, exit === exitCodes.done);
    await answer.afterwards?.();
  };
  try {
    const called = calledRow(argv);
    const parsed = await parseLine(argv, surroundings, act, {
      json: wantsJson,
      called: called && { row: called, command: await called.load() },
    });
    if (parsed.outcome === 'wrong' || parsed.outcome === 'incomplete') {
      const { message, hint } = parsed;
      // Help stands there already.
      if (wantsJson || parsed.outcome === 'wrong') reporter.fail({ code: 'BAN-E001', message, hint });
      exit = exitCodes.usage;
    }
  } catch (thrown) {
    const failure = describeFailure(
      surroundings.signal.aborted && !(thrown instanceof UserError) ? new Interrupted() : thrown,
    );
    if (surroundings.signal.reason === nobodyReads && failure.code === 'BAN-INTERRUPTED') exit = exitCodes.done;
    else {
      reporter.fail(failure);
      exit = exitCodeOf(failure);
    }
  }
  await reporter.close();
  return exit;
}

/** What the scripts of `bantam completion` ask. A shell that waits for candidates has no use for failures. */
async function answerShell(words: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { stdout, stderr, environment } = surroundings;
  const { complete, formatCompletion } = await import('./complete.ts');
  const reporter = await openReporter({
    stdout,
    stderr,
    environment,
    json: false,
    quiet: true,
    verbose: false,
    color: false,
  });
  const text = formatCompletion(await complete(words, surroundings));
  reporter.report({ type: 'output', bytes: new TextEncoder().encode(text) });
  await reporter.close();
  return exitCodes.done;
}

/** `-q`, `--quiet`, or `-qy`: the flags that every command takes may stand together. */
function has(argv: readonly string[], letter: string, long: string): boolean {
  return argv.some((word) => word === long || (/^-[qvy]+$/.test(word) && word.includes(letter)));
}
