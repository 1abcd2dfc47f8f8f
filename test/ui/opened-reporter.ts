import { PassThrough } from 'node:stream';
import { openReporter } from '../../cli/ui/open-reporter.ts';
import type { Reporter } from '../../cli/ui/reporter.ts';

/** A reporter that writes into pipes (or what takes itself for a terminal, with `terminal`), and what is in them. */
export async function open(
  options: {
    json?: boolean;
    quiet?: boolean;
    verbose?: boolean;
    environment?: NodeJS.ProcessEnv;
    terminal?: boolean;
  } = {},
): Promise<{ reporter: Reporter; stdout: () => string; stderr: () => string }> {
  const streams = [new PassThrough(), new PassThrough()] as const;
  const written = streams.map((stream) => {
    let text = '';
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    return () => {
      stream.read();
      return text;
    };
  });
  if (options.terminal === true) Object.assign(streams[0], { isTTY: true, columns: 80 });
  const reporter = await openReporter({
    // A pipe has what reporters use of a terminal's stream; isTTY is undefined.
    stdout: streams[0] as unknown as NodeJS.WriteStream,
    stderr: streams[1] as unknown as NodeJS.WriteStream,
    environment: {},
    json: false,
    quiet: false,
    verbose: false,
    color: true,
    ...options,
  });
  return { reporter, stdout: () => written[0]?.() ?? '', stderr: () => written[1]?.() ?? '' };
}
