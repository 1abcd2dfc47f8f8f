import { Interrupted, UserError } from '../errors.ts';

/** The system's or TLS library's code of a failed request (`ECONNREFUSED`), however deep it lies; '' if there is none. */
export function failureCode(thrown: unknown): string {
  for (let error: unknown = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if ('code' in error && typeof error.code === 'string') return error.code;
  }
  return '';
}

/** Whether the same request may go through if it is sent again at once: the connection was there and broke, or it took too long. */
export function isPassing(code: string): boolean {
  return passing.has(code);
}

const passing = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Whether a request over plain http may have failed since the other side speaks TLS: it hangs up, or answers with an alert. */
export function mayComeOfTls(thrown: unknown): boolean {
  const code = causeCode(thrown);
  return code === 'ECONNRESET' || code === 'EPIPE' || code.startsWith('HPE_');
}

/** Whether the other side speaks TLS with a certificate that is not trusted. */
export function isDistrusted(thrown: unknown): boolean {
  return certificateCode.test(causeCode(thrown));
}

/** The code of what is behind one of bantam's own errors, which have codes of their own. */
function causeCode(thrown: unknown): string {
  return thrown instanceof UserError ? failureCode(thrown.cause) : '';
}

/** Whether a connection failed because nobody vouches for the certificate: further authorities may. */
export function isUntrusted(thrown: unknown): boolean {
  return /SELF_SIGNED|ISSUER_CERT|LEAF_SIGNATURE/.test(failureCode(thrown));
}

const certificateCode = /CERT|ISSUER|LEAF_SIGNATURE|ALTNAME/;

/** What an aborted wait throws: the reason the caller gave if it is one of bantam's errors, else {@link Interrupted}. */
export function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof UserError ? signal.reason : new Interrupted();
}

/** BAN-E301 (or E304 for an answer that is not HTTP) for a request that got no answer. `asked`: "GET https://host/v2/…". */
export function describeNetworkFailure(thrown: unknown, registry: string, asked: URL, method: string): UserError {
  const code = failureCode(thrown);
  const request = `${method} ${asked.origin}${asked.pathname}`;
  const fail = (what: string, hint: string) =>
    new UserError('BAN-E301', `the registry ${registry} does not answer: ${what} (${request})`, {
      hint,
      cause: thrown,
    });
  const plainHint = `if ${asked.host} speaks plain http, say so: BANTAM_INSECURE_REGISTRIES=${asked.host}`;
  if (code === 'ECONNREFUSED') {
    return fail(
      'the connection was refused',
      asked.protocol === 'https:'
        ? `check that it runs; ${plainHint}`
        : 'check that it runs and that address and port are right',
    );
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return fail(`there is no host ${asked.hostname}`, 'check the spelling and the name server');
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG' || code === 'EPROTO') {
    return fail('it does not speak TLS', plainHint);
  }
  if (certificateCode.test(code)) return fail(...explainCertificate(code, asked));
  if (code.startsWith('HPE_')) {
    return new UserError('BAN-E304', `what answers at ${asked.host} does not speak HTTP (${request})`, {
      hint: 'check the port',
      cause: thrown,
    });
  }
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return fail(`there is no route to ${asked.hostname}`, 'check the network');
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return fail(
    code === '' ? message : `the connection broke (${code})`,
    'try again; if it happens again, look at its log',
  );
}

/** What is wrong with a certificate, and what to do about it. */
function explainCertificate(code: string, { host, hostname }: URL): [what: string, hint: string] {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return [
      `its certificate is for another name than ${hostname} (${code})`,
      `name the registry as its certificate does, or make one whose subjectAltName holds ${hostname}`,
    ];
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const when = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return [
      `its certificate ${when} (${code})`,
      'look at the clock of this machine (date); else renew the certificate',
    ];
  }
  return [
    `its certificate is not trusted (${code})`,
    `a registry with a certificate of its own? Put the certificate of its authority into ~/.docker/certs.d/${host}/ca.crt (or /etc/docker/certs.d/${host}/ca.crt, where Docker looks too), or name it: NODE_EXTRA_CA_CERTS=/path/ca.crt`,
  ];
}
