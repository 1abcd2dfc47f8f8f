import { once } from 'node:events';
import { hostname } from 'node:os';
import { answerRequests } from './answer.ts';
import { findHandler } from './handler.ts';
import { openListener } from './listener.ts';
import { describeThrown, writeLine } from './log.ts';
import { Replica } from './replica.ts';
import { readSettings } from './settings.ts';

/** The process of a replica: opens its port at once, loads the handler, answers until a signal, drains, ends. */
async function run(): Promise<void> {
  const started = performance.now();
  const settings = readSettings(process.env, hostname());
  const replica = new Replica();
  const listener = openListener(answerRequests(settings, replica));
  listener.listen({ port: settings.port, host: settings.host });
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : settings.port;
  writeLine(`bantam: listening on port ${port}`);

  const stop = async (signal: string): Promise<void> => {
    if (replica.draining) process.exit(1); // asked twice: at once
    writeLine(`bantam: ${signal}: ${replica.inFlight} requests in flight`);
    const end = performance.now() + settings.drainTimeout;
    await replica.drain(settings.drainTimeout);
    let cutOff = 0;
    listener.close(() => process.exit(cutOff > 0 ? 1 : 0));
    listener.closeIdleConnections();
    // A call may have come in between, and a connection that never asked anything is not idle for Node: neither is waited for longer.
    const cut = (): void => {
      cutOff = replica.inFlight;
      if (cutOff > 0) writeLine(`bantam: ${cutOff} requests cut off after ${settings.drainTimeout} ms`);
      listener.closeAllConnections();
    };
    setTimeout(cut, Math.max(0, end - performance.now()));
  };
  // As process 1 of a container there is no default action for a signal: without these it would be killed after a while.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  replica.load(findHandler(await loadModule()));
  writeLine(`bantam: handler loaded after ${Math.round(performance.now() - started)} ms`);
}

/** The user's module runs here for the first time: with the port open, so that a slow start is not taken for a dead one. */
async function loadModule(): Promise<unknown> {
  try {
    return await import('bantam:handler');
  } catch (cause) {
    throw new Error('the handler could not be loaded', { cause });
  }
}

run().catch((thrown: unknown) => {
  process.stderr.write(`bantam: ${describeThrown(thrown)}\n`);
  process.exit(1);
});
