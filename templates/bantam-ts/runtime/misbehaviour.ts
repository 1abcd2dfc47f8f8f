import { currentCall } from './call.ts';
import type { Log } from './log.ts';
import type { Replica } from './replica.ts';

/** The real one, before anybody has changed it. */
export const endProcess: (code: number) => never = process.exit.bind(process);

/** Keeps the process alive whatever the handler does outside of its calls, and says what it did and in which call. */
export function surviveHandler(replica: Replica, failLoading: (error: unknown) => void): void {
  const { log } = replica;
  process.on('uncaughtException', (error) => report(log, 'threw outside of its answer', error));
  process.on('unhandledRejection', (error) => report(log, 'rejected outside of its answer', error));
  process.exit = (code) => {
    const error = new Error(`the handler called process.exit(${code ?? ''})`);
    const call = currentCall.getStore();
    if (call !== undefined) {
      log.error('called process.exit', { call, error });
      call.refuse(500, 'the function failed; its log says why');
    } else if (replica.handler === undefined) {
      failLoading(error);
    } else {
      log.error('the handler called process.exit outside of a call', { error });
    }
    throw new ExitRefused();
  };
}

/** Stops the code that called process.exit; it has been reported. */
class ExitRefused extends Error {
  constructor() {
    super('process.exit ends nothing here: the runtime ends the process when it is drained');
    this.stack = this.message;
  }
}

function report(log: Log, what: string, error: unknown): void {
  if (error instanceof ExitRefused) return;
  const call = currentCall.getStore();
  if (call === undefined) log.error(`the handler ${what}`, { error });
  else log.error(what, { call, error });
}
