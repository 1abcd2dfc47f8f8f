import { inspect } from 'node:util';
import type { Handler } from '../handler.ts';
import { EventAnswer } from './answer.ts';
import { type Callback, FunctionContext, isUntouched } from './function-context.ts';
import { readEvent } from './function-event.ts';
import { readReceived } from './received.ts';
import { Refused } from './refused.ts';
import type { EventSettings } from './settings.ts';

/** `module.exports` of a function that was written for the official Node templates. */
export type EventFunction = (event: unknown, context: unknown, callback: Callback) => unknown;

type Log = (message: string) => void;

/**
 * Serves a function of the official Node templates, node12 to node22: `(event, context[, callback])`. It answers by what it
 * returns, by context.succeed or fail, or by its callback, whatever comes first. Where that differs from those templates on
 * purpose, the README says so.
 */
export function serveEvents(handle: EventFunction, settings: EventSettings): Handler {
  return async (request, { callId, log }) => {
    try {
      const received = readReceived(request);
      const event = await readEvent(received, settings);
      return await call(handle, event, new EventAnswer(received, settings.like), log);
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      return new Response(`The request was refused: ${thrown.message} (call ${callId}).\n`, {
        status: thrown.status,
        headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      });
    }
  };
}

function call(handle: EventFunction, event: unknown, answer: EventAnswer, log: Log): Promise<Response> {
  return new Promise((resolve, reject) => {
    let answered = false;
    const send = (value: unknown): void => {
      const response = isResponse(value) ? value : answer.finish(value, context.status());
      answered = true;
      resolve(response);
    };
    const callback: Callback = (error, value) => {
      if (answered) {
        log(
          error
            ? `failed after it had answered: ${describe(error)}`
            : 'answered once more: only its first answer counts',
        );
      } else if (error) {
        log(`failed: ${describe(error)}`);
        if (isUntouched(context.status())) context.status(500);
        send(toText(error));
      } else {
        answer.set(context.headers());
        send(isPlain(value) ? JSON.stringify(value) : value);
      }
    };
    const context = new FunctionContext(callback);
    let returned: unknown;
    try {
      returned = Reflect.apply(handle, undefined, [event, context, callback]);
    } catch (thrown) {
      // Without an answer so far it is the runtime's to answer, as for every handler.
      if (!answered) throw thrown;
      callback(thrown ?? new Error(`threw ${String(thrown)}`));
    }
    Promise.resolve(returned)
      .then((value) => {
        if (context.cbCalled === 0 && !answered) context.succeed(value);
      })
      .catch((thrown: unknown) => callback(thrown ?? new Error(`rejected with ${String(thrown)}`)))
      .catch(reject);
  });
}

/** Only these become JSON without a type that says so. */
function isPlain(value: unknown): boolean {
  return Array.isArray(value) || (typeof value === 'object' && value !== null && value.constructor === Object);
}

function toText(error: unknown): unknown {
  const convert: unknown = Reflect.get(Object(error), 'toString');
  return typeof convert === 'function' ? String(error) : error;
}

function describe(error: unknown): string {
  return error instanceof Error ? String(error.stack ?? error) : inspect(error);
}

/** A function that was moved may go on to standard answers before it goes on to standard requests. */
function isResponse(value: unknown): value is Response {
  return value instanceof Response;
}
