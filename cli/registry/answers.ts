import * as v from 'valibot';
import { UserError } from '../errors.ts';
import { readBody } from './body.ts';
import { type Answer, type Exchange, retryAfter } from './sender.ts';

/** An answer and the request it belongs to. */
export interface Sent {
  readonly answer: Answer;
  readonly exchange: Exchange;
}

/** How long a body may stay silent (milliseconds), and what ends the reading. */
export interface Patience {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** Status and the registry's own words, for messages. Reads the body to its end, so that the connection can be used again. */
export async function describeAnswer({ answer, exchange }: Sent, patience: Patience): Promise<string> {
  const body = await readBody(answer, 64 * 1024, { exchange, ...patience }).catch((error: unknown) => {
    if (error instanceof UserError) return new Uint8Array();
    throw error;
  });
  return `${answer.status}${describeErrors(new TextDecoder().decode(body), exchange)}`;
}

/** Lets a status of 200 to 299 pass, with anything but a web page; turns the others into errors: BAN-E303, E304, E308. */
export async function expectSuccess(sent: Sent, what: string, patience: Patience): Promise<void> {
  const { answer, exchange } = sent;
  const { status, ok } = answer;
  if (answer.header('content-type')?.startsWith('text/html') === true && status !== 429) {
    answer.release();
    throw unexpected(
      exchange,
      `with a web page (status ${status})`,
      'check host and port: this does not look like a registry',
    );
  }
  if (ok) return;
  const detail = await describeAnswer(sent, patience);
  if (status === 404) {
    throw new UserError('BAN-E303', `the registry ${exchange.registry} has no ${what}`, {
      hint: 'check name and tag, or build and push it first',
    });
  }
  throw status === 429 ? rateLimited(exchange, answer, detail) : unexpected(exchange, detail);
}

/** BAN-E308: the registry, or its token service, counts requests and has had enough of them. */
export function rateLimited(exchange: Exchange, answer: Answer, detail: string): UserError {
  answer.release();
  const { registry } = exchange;
  const wait = retryAfter(answer.header('retry-after'));
  const account = registry === 'docker.io' ? 'docker login' : `docker login ${registry}`;
  return new UserError('BAN-E308', `the registry ${registry} limits how often it is asked: ${detail}`, {
    hint: `${wait === 0 ? 'try again later' : `it wants to be asked again in ${inWords(wait)}`}, or ask with an account: ${account}`,
  });
}

function inWords(milliseconds: number): string {
  const minutes = Math.ceil(milliseconds / 60_000);
  if (milliseconds < 60_000) return `${Math.ceil(milliseconds / 1000)} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}

const errorsSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ errors: v.array(v.object({ code: v.nullish(v.string()), message: v.nullish(v.string()) })) }),
);

/** The registry's own words out of an error body, if it has any (distribution-spec, "Error Codes"), without the credentials it was asked with. */
export function describeErrors(body: string, { headers }: Pick<Exchange, 'headers'>): string {
  const parsed = v.safeParse(errorsSchema, withoutCredentials(body, headers['authorization'] ?? ''));
  if (!parsed.success || parsed.output.errors.length === 0) return '';
  return ` ${parsed.output.errors
    .slice(0, 3)
    .map(({ code, message }) => [code, message].filter(Boolean).join(': '))
    .join('; ')
    // A registry's words end up on a terminal: no control characters, and no more than a message takes.
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, 500)}`;
}

/** Of under four characters they would take words apart and stay. */
function withoutCredentials(text: string, authorization: string): string {
  const [scheme = '', token = ''] = authorization.split(' ');
  const password =
    scheme === 'Basic'
      ? Buffer.from(token, 'base64')
          .toString('utf8')
          .replace(/^[^:]*:/, '')
      : '';
  return [token, password, JSON.stringify(password).slice(1, -1)]
    .filter((form) => form.length >= 4)
    .reduce((left, form) => left.replaceAll(form, '…'), text);
}

/** BAN-E304 for an answer that no registry should give. */
export function unexpected(
  exchange: Exchange,
  detail: string,
  hint = 'try again; if it happens again, look at the log of the registry',
): UserError {
  const { registry, method, url } = exchange;
  return new UserError(
    'BAN-E304',
    `the registry ${registry} answers ${method} ${url.origin}${url.pathname} ${detail}`,
    { hint },
  );
}
