import type { Context } from './context.ts';

/** The user's code, in the one form the runtime calls. What it returns is checked when it is there. */
export type Handler = (request: Request, context: Context) => unknown;

/**
 * Picks the handler out of the user's module: a function exported as default, or an object with a `fetch` function (a Hono
 * app), whose second argument (`c.env` in Hono) is the context. Throws when there is neither.
 */
export function findHandler(module: unknown): Handler {
  const exported = readProperty(module, 'default');
  // A CommonJS handler compiled from ESM has its default one level deeper.
  return asHandler(exported) ?? asHandler(readProperty(exported, 'default')) ?? fail(exported);
}

function asHandler(exported: unknown): Handler | undefined {
  if (typeof exported === 'function')
    return (request, context) => Reflect.apply(exported, undefined, [request, context]);
  const fetch = readProperty(exported, 'fetch');
  if (typeof fetch !== 'function') return undefined;
  return (request, context) => Reflect.apply(fetch, exported, [request, context]);
}

function readProperty(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function fail(exported: unknown): never {
  throw new TypeError(
    `the handler's default export is ${exported === null ? 'null' : `of type ${typeof exported}`}: a function or an object with a fetch function is needed`,
  );
}
