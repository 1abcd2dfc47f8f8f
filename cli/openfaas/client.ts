import * as v from 'valibot';
import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import { functionAddress, parseGatewayAddress } from './address.ts';
import { authorization, basicCredentials, type GatewayCredentials, withoutCredentials } from './authorization.ts';
import { headersOf, readWhole, streamOf } from './body.ts';
import type { Answer, Gateway, Invocation, InvocationAnswer, LogQuery } from './gateway.ts';
import { linesOf } from './log-stream.ts';
import { decodeJson, ensureGatewayAnswered, failRead, type Received } from './received.ts';
import { withoutValue } from './secret-value.ts';
import { type Incoming, type Outgoing, send } from './transport.ts';
import {
  type FunctionDeployment,
  type FunctionStatus,
  functionStatusSchema,
  type Info,
  infoSchema,
  type LogLine,
  logLineSchema,
  type Secret,
  secretSchema,
} from './wire.ts';

/** How long one call may take, in milliseconds. */
export interface GatewayTimeouts {
  /** Reads, body included; also the wait for the head of a log. */
  readonly read: number;
  /** Requests that change something: faasd pulls the image before it answers. */
  readonly write: number;
  /** From a call of a function to the head of its answer; the body may take longer. */
  readonly invoke: number;
}

const defaultTimeouts: GatewayTimeouts = { read: 15_000, write: 180_000, invoke: 300_000 };

/** What a client is made of. `credentials` default to the login in the address, if there is one; without any, none are sent. */
export interface GatewayOptions {
  readonly url: string;
  readonly credentials?: GatewayCredentials | undefined;
  readonly report?: Report | undefined;
  readonly timeouts?: Partial<GatewayTimeouts> | undefined;
}

/** Makes a {@link Gateway} that speaks HTTP. Opens no connection by itself. Throws BAN-E406 for an address that is none. */
export function openGateway(options: GatewayOptions): Gateway {
  const { url, login } = parseGatewayAddress(options.url);
  const credentials =
    options.credentials ?? (login === undefined ? undefined : basicCredentials(login.user, login.password));
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const system = {
    accept: 'application/json, text/plain;q=0.9',
    ...(credentials === undefined ? {} : { authorization: authorization(credentials) }),
  };
  const context = { url, hasCredentials: credentials !== undefined };

  async function begin(outgoing: Outgoing, milliseconds: number, signal: AbortSignal | undefined): Promise<Incoming> {
    const started = performance.now();
    const incoming = await send(outgoing, milliseconds, signal);
    options.report?.({
      type: 'trace',
      text: `${outgoing.method} ${outgoing.url} → ${incoming.status} in ${Math.round(performance.now() - started)} ms`,
    });
    return incoming;
  }

  /** What is no data is quoted in messages, and a proxy that is looked into may say what it was asked with. */
  function shown(received: Received): Received {
    const { status, location, text } = received;
    if (status >= 200 && status < 300 && /^\s*[[{]/.test(text)) return received;
    return {
      ...received,
      location: location && withoutCredentials(location, credentials),
      text: withoutCredentials(text, credentials),
    };
  }

  async function exchange(
    method: string,
    path: string,
    milliseconds: number,
    body: unknown,
    signal: AbortSignal | undefined,
    hide: (text: string) => string = (text) => text,
  ): Promise<Received> {
    const headers = body === undefined ? system : { ...system, 'content-type': 'application/json' };
    const incoming = await begin(
      {
        method,
        url: `${url}${path}`,
        headers,
        body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
      },
      milliseconds,
      signal,
    );
    const whole = shown(await readWhole(incoming, `${method} ${path.replace(/\?.*/, '')}`));
    const received = { ...whole, location: whole.location && hide(whole.location), text: hide(whole.text) };
    ensureGatewayAnswered(received, context);
    return received;
  }

  async function write(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<Answer> {
    const { status, text } = await exchange(method, path, timeouts.write, body, signal);
    return { status, body: text.slice(0, longestAnswer) };
  }

  /** The namespace stands in query and body: faasd looks into the one to remove, and into the other to write. */
  async function writeSecret(method: string, secret: Secret, signal: AbortSignal | undefined): Promise<Answer> {
    const path = `/system/secrets${query({ namespace: secret.namespace })}`;
    const hide = (text: string): string => withoutValue(text, secret);
    const { status, text } = await exchange(method, path, timeouts.read, secret, signal, hide);
    return { status, body: text.slice(0, longestAnswer) };
  }

  async function readList<T>(
    path: string,
    schema: v.GenericSchema<unknown, T>,
    signal: AbortSignal | undefined,
  ): Promise<readonly T[]> {
    const received = await exchange('GET', path, timeouts.read, undefined, signal);
    if (received.status !== 200) throw failRead(received, context);
    // Go writes an empty list as null.
    return decodeJson(v.nullable(v.array(schema)), received, context) ?? [];
  }

  return {
    url,
    async info(signal): Promise<Info> {
      const received = await exchange('GET', '/system/info', timeouts.read, undefined, signal);
      if (received.status !== 200) throw failRead(received, context);
      return decodeJson(gatewayInfoSchema, received, context);
    },
    list: (namespace, signal) =>
      readList<FunctionStatus>(`/system/functions${query({ namespace })}`, functionStatusSchema, signal),
    async read(name, namespace, signal): Promise<FunctionStatus | undefined> {
      const received = await exchange(
        'GET',
        `/system/function/${encodeURIComponent(name)}${query({ namespace })}`,
        timeouts.read,
        undefined,
        signal,
      );
      if (received.status === 404) return undefined;
      if (received.status !== 200) throw failRead(received, context);
      return decodeJson(functionStatusSchema, received, context);
    },
    create: (deployment: FunctionDeployment, signal) => write('POST', '/system/functions', deployment, signal),
    update: (deployment: FunctionDeployment, signal) => write('PUT', '/system/functions', deployment, signal),
    remove: (name, namespace, signal) =>
      write('DELETE', `/system/functions${query({ namespace })}`, { functionName: name, namespace }, signal),
    scale: (name, replicas, namespace, signal) =>
      write(
        'POST',
        `/system/scale-function/${encodeURIComponent(name)}${query({ namespace })}`,
        { serviceName: name, replicas, namespace },
        signal,
      ),
    async *logs(wanted: LogQuery, signal): AsyncGenerator<LogLine> {
      const { name, namespace, tail, since, follow, instance } = wanted;
      const path = `/system/logs${query({ name, namespace, tail, since, follow: follow ? 'true' : 'false', instance })}`;
      const incoming = await begin({ method: 'GET', url: `${url}${path}`, headers: system }, timeouts.read, signal);
      if (incoming.status !== 200) {
        const received = shown(await readWhole(incoming, 'GET /system/logs'));
        ensureGatewayAnswered(received, context);
        throw failRead(received, context);
      }
      if (follow) incoming.unbind();
      try {
        for await (const line of linesOf(incoming.message)) yield decodeLine(line);
      } catch (error) {
        throw error instanceof UserError || error instanceof RangeError ? error : incoming.explain(error);
      } finally {
        incoming.finished();
      }
    },
    secrets: (namespace, signal) => readList<Secret>(`/system/secrets${query({ namespace })}`, secretSchema, signal),
    createSecret: (secret, signal) => writeSecret('POST', secret, signal),
    updateSecret: (secret, signal) => writeSecret('PUT', secret, signal),
    removeSecret: (name, namespace, signal) => writeSecret('DELETE', { name, namespace }, signal),
    async invoke(invocation: Invocation, signal): Promise<InvocationAnswer> {
      const { method, headers, body } = invocation;
      // No credentials: /function/ is open, and a handler must never see the password of the gateway.
      const incoming = await begin(
        { method, url: functionAddress(url, invocation), headers, body },
        timeouts.invoke,
        signal,
      );
      incoming.unbind();
      const message = incoming.message;
      message.once('close', () => incoming.finished());
      const empty = method === 'HEAD' || incoming.status === 204 || incoming.status === 304;
      if (empty) message.resume();
      return {
        status: incoming.status,
        headers: headersOf(message.rawHeaders),
        body: empty ? null : streamOf(incoming),
      };
    },
  };

  function decodeLine(line: string): LogLine {
    return decodeJson(
      logLineSchema,
      { what: 'GET /system/logs', status: 200, contentType: 'text/plain', location: undefined, text: line },
      context,
    );
  }
}

/** Any JSON object would fit the shape of an info; a gateway's names at least its provider or its version. */
const gatewayInfoSchema = v.pipe(
  v.looseObject({}),
  v.check((value) => 'provider' in value || 'version' in value, 'neither "provider" nor "version" is there'),
  infoSchema,
);

const longestAnswer = 4096;
function query(parts: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(parts))
    if (value !== undefined && value !== '') search.set(key, String(value));
  return search.size === 0 ? '' : `?${search}`;
}
