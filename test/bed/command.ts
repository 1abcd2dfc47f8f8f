import { openBed, stopLeftBed } from './bed.ts';
import { cacheFolder } from './cache.ts';
import { reasonOf } from './program.ts';

/** Tells the story on stderr; stdout holds only the lines to be sourced by a shell. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/** `npm run bed`: keeps the parts up until Ctrl-C. */
async function keepUp(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  await using bed = await openBed({ report: say, signal: stop.signal });
  const { PATH, ...others } = bed.environment;
  const additions = bed.registry === undefined ? others : { ...others, BANTAM_REGISTRY: bed.registry };
  const ownFolder = PATH?.split(':')[0] ?? '';
  process.stdout.write(`export PATH=${quoted(ownFolder)}:"$PATH"\n`);
  for (const [name, value] of Object.entries(additions)) process.stdout.write(`export ${name}=${quoted(value)}\n`);
  for (const part of bed.parts)
    say(
      part.available
        ? `  ${part.name.padEnd(16)}${part.version}`
        : `  ${part.name.padEnd(16)}not available: ${part.reason}`,
    );
  say(`the bed is up (cache ${cacheFolder()}); Ctrl-C stops it`);
  await aborted(stop.signal);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // A pending promise alone does not keep Node running.
    const heartbeat = setInterval(() => undefined, 60_000);
    const end = (): void => {
      clearInterval(heartbeat);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

try {
  if (process.argv[2] === 'stop') await stopLeftBed(say);
  else await keepUp();
} catch (error) {
  say(reasonOf(error));
  process.exitCode = 1;
}
