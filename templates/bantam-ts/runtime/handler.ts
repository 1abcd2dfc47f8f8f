import type { Context } from './context.ts';

/** The user's code, in the one form the runtime calls. What it returns is checked when it is there. */
export type Handler = (request: Request, context: Context) => unknown;

/** `cjs` or `esm`: what the build has seen that the user's handler is (see build.json). */
declare const BANTAM_HANDLER_FORMAT: string | undefined;

/**
 * Picks the handler out of the user's module by its shape: `module.exports = function` of CommonJS is one for the official
 * Node templates; a function exported as default, or an object with a `fetch` function (a Hono app), takes a Request, and its
 * second argument (`c.env` in Hono) is the context. Throws when there is neither.
 */
export async function findHandler(module: unknown): Promise<Handler> {
  const exported = readProperty(module, 'default');
  // The build knows the format, so that nothing of the adapter is in the bundle of a handler that needs none.
  if (BANTAM_HANDLER_FORMAT === 'cjs' && typeof exported === 'function') {
    const { serveEvents } = await import('./event/serve-event.ts');
    const { readEventSettings } = await import('./event/settings.ts');
    const handle = exported;
    return serveEvents((...given) => Reflect.apply(handle, undefined, given), readEventSettings(process.env));
  }
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
  const found = exported === null ? 'null' : `of type ${typeof exported}`;
  if (BANTAM_HANDLER_FORMAT === 'cjs') {
    throw new TypeError(
      `module.exports of the handler is ${found}: a function (event, context) is needed, or exports.default, or an object with a fetch function`,
    );
  }
  throw new TypeError(
    `the handler's default export is ${found}: a function or an object with a fetch function is needed`,
  );
}
