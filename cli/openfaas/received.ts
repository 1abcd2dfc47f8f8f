import * as v from 'valibot';
import { UserError } from '../errors.ts';
import { parseModestJson } from '../oci/modest-json.ts';

/** An answer of the gateway, read to its end, with what is needed to judge where it came from. */
export interface Received {
  /** The request, for messages: `GET /system/info`. */
  readonly what: string;
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  readonly text: string;
}

/** Whom the question went to. */
export interface Asked {
  readonly url: string;
  readonly hasCredentials: boolean;
}

/** The first line of a body in quotes, cut at 120 characters; `nothing` for an empty one. */
export function describeBody(received: Received): string {
  const line =
    received.text
      .split('\n')
      .map((part) => part.trim())
      .find((part) => part !== '') ?? '';
  if (line === '') return 'nothing';
  return `"${line.length > 120 ? `${line.slice(0, 120)}…` : line}"`;
}

/**
 * Throws BAN-E402 for 401 and 403, and BAN-E403 for what no gateway says to a question on /system: redirects and web pages.
 * A page with a 5xx is left to the caller: it may come from a proxy in front of a gateway that is down.
 */
export function ensureGatewayAnswered(received: Received, asked: Asked): void {
  const { status, what, location } = received;
  if (status === 401 || status === 403) {
    throw new UserError(
      'BAN-E402',
      `the gateway at ${asked.url} refuses ${asked.hasCredentials ? 'the credentials' : 'requests without credentials'} (${status}, ${describeBody(received)})`,
      {
        hint: `bantam login --gateway ${asked.url} --username admin --password-stdin`,
      },
    );
  }
  if (status >= 300 && status < 400) {
    throw new UserError(
      'BAN-E403',
      `${asked.url} is no gateway: ${what} was redirected to ${location ?? 'nowhere'} (${status})`,
      { hint: redirectHint(asked.url, location) },
    );
  }
  if (status < 500 && looksLikePage(received)) {
    throw new UserError(
      'BAN-E403',
      `${asked.url} is no gateway: ${what} answered a web page (${status}), beginning ${describeBody(received)}`,
      { hint: addressHint(asked.url) },
    );
  }
}

/** The error for a read that was answered with an unexpected status: BAN-E405, or BAN-E403 where no gateway has such an answer. */
export function failRead(received: Received, asked: Asked): UserError {
  const { status, what } = received;
  if (status === 404)
    return new UserError(
      'BAN-E403',
      `${asked.url} is no gateway: ${what} is not found there (404, ${describeBody(received)})`,
      { hint: addressHint(asked.url) },
    );
  if (/HTTP request to an HTTPS server/i.test(received.text)) {
    return new UserError('BAN-E403', `${asked.url} expects https`, {
      hint: `try ${asked.url.replace('http:', 'https:')}`,
    });
  }
  const hint =
    status === 502 || status === 503 || status === 504
      ? 'the gateway cannot reach its provider: is faas-netes (kubectl get pods -n openfaas) or faasd-provider running?'
      : 'look at the gateway’s own log';
  return new UserError(
    'BAN-E405',
    `the gateway at ${asked.url} answered ${what} with ${status}, ${describeBody(received)}`,
    { hint },
  );
}

/** Parses and decodes a body. Throws BAN-E403 if it is no JSON, BAN-E405 with the path if it is JSON of another shape. */
export function decodeJson<T>(schema: v.GenericSchema<unknown, T>, received: Received, asked: Asked): T {
  let value: unknown;
  try {
    value = parseModestJson(received.text, answerBounds);
  } catch (error) {
    throw new UserError(
      'BAN-E403',
      `${asked.url} is no gateway: ${received.what} answered ${describeBody(received)}, which is no JSON`,
      { hint: addressHint(asked.url), cause: error },
    );
  }
  const result = v.safeParse(schema, value, { abortEarly: received.text.length > explained });
  if (result.success) return result.output;
  const problems = result.issues.slice(0, 10).map((issue) => `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`);
  throw new UserError(
    'BAN-E405',
    `the gateway at ${asked.url} answered ${received.what} in an unknown shape: ${problems[0] ?? ''}`,
    {
      hint: addressHint(asked.url),
      details: problems,
    },
  );
}

/** Ten thousand functions have some hundred thousand values. */
const answerBounds = { values: 400_000, depth: 500 };

/** Characters of an answer up to which all that is wrong with it is found; of a longer one the first counts. */
const explained = 100_000;

function looksLikePage(received: Received): boolean {
  return received.contentType.includes('text/html') || /^\s*<(!doctype|html|\?xml)/i.test(received.text);
}

function addressHint(url: string): string {
  const withoutPage = url.replace(/\/ui$/, '');
  if (withoutPage !== url) return `/ui is the gateway’s web page: use ${withoutPage}`;
  return 'is this the gateway’s address, and not that of its web page, an ingress or another program? (--gateway, provider.gateway, OPENFAAS_URL)';
}

function redirectHint(url: string, location: string | undefined): string {
  if (location === undefined || !URL.canParse(location, url)) return addressHint(url);
  const target = new URL(location, url);
  const asked = new URL(url);
  return target.origin !== asked.origin
    ? `is it at ${target.origin}${asked.pathname.replace(/\/+$/, '')} now?`
    : addressHint(url);
}
