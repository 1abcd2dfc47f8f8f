import * as v from 'valibot';
import {
  type InvokeAnswer,
  type InvokeRequest,
  invokeAnswerSchema,
  problemSchema,
  type Sizes,
  sessionSchema,
  sizesSchema,
} from '../messages.ts';
import { currentToken } from './session.ts';

/** The gateway refused: its status and its sentence. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Asking {
  readonly method?: string;
  readonly body?: unknown;
  readonly authorization?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Asks the page's API; throws {@link Refused} for anything but success, and an Error where no gateway answers. */
export async function ask(path: string, asking: Asking = {}): Promise<Response> {
  const token = currentToken();
  const authorization = asking.authorization ?? (token === undefined ? undefined : `Bearer ${token}`);
  const answer = await fetch(`api/${path}`, {
    method: asking.method ?? 'GET',
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(asking.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(asking.body === undefined ? {} : { body: JSON.stringify(asking.body) }),
    ...(asking.signal === undefined ? {} : { signal: asking.signal }),
    credentials: 'omit',
    cache: 'no-store',
  }).catch((error: unknown) => {
    if (asking.signal?.aborted === true) throw error;
    throw new Error('the gateway does not answer', { cause: error });
  });
  if (answer.ok) return answer;
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), problemSchema), await answer.text().catch(() => ''));
  throw new Refused(answer.status, read.success ? read.output.problem : `the gateway answered ${answer.status}`);
}

/** Gets a token for the key of a link, or for user and password. */
export async function signIn(
  by: { readonly key: string } | { readonly user: string; readonly password: string },
): Promise<string> {
  const basic = 'key' in by ? undefined : `Basic ${encodeBase64(`${by.user}:${by.password}`)}`;
  const body = 'key' in by ? { key: by.key } : {};
  const answer = await ask('session', { method: 'POST', body, authorization: basic ?? 'none' });
  return v.parse(sessionSchema, await answer.json()).token;
}

export async function invoke(request: InvokeRequest, signal: AbortSignal): Promise<InvokeAnswer> {
  const answer = await ask('invoke', { method: 'POST', body: request, signal });
  return v.parse(invokeAnswerSchema, await answer.json());
}

export async function readSizes(name: string, signal: AbortSignal): Promise<Sizes> {
  return v.parse(sizesSchema, await (await ask(`functions/${encodeURIComponent(name)}/sizes`, { signal })).json());
}

export async function scale(name: string, replicas: number): Promise<void> {
  await ask(`functions/${encodeURIComponent(name)}/scale`, { method: 'POST', body: { replicas } });
}

export async function remove(name: string): Promise<void> {
  await ask(`functions/${encodeURIComponent(name)}`, { method: 'DELETE' });
}

function encodeBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
