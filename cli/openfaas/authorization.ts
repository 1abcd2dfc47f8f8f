/** What proves to a gateway who asks: a user with a password, or a token as it is (`auth: oauth2` in faas-cli's file). */
export type GatewayCredentials =
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string };

/** Credentials of a user. The name must not hold a colon (RFC 7617). */
export function basicCredentials(user: string, password: string): GatewayCredentials {
  return { kind: 'basic', user, password };
}

/** The value of the Authorization header. */
export function authorization(credentials: GatewayCredentials): string {
  return credentials.kind === 'basic'
    ? `Basic ${basicToken(credentials.user, credentials.password)}`
    : `Bearer ${credentials.token}`;
}

/** base64 of `user:password` in UTF-8: what faas-cli writes as `token:`. */
export function basicToken(user: string, password: string): string {
  return Buffer.from(`${user}:${password}`, 'utf8').toString('base64');
}

/** Takes a basic token apart; `undefined` if it holds no colon. */
export function readBasicToken(token: string): GatewayCredentials | undefined {
  const text = Buffer.from(token, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : basicCredentials(text.slice(0, colon), text.slice(colon + 1));
}

/** Takes credentials out of a text that came back from a gateway. Of under four characters they would take words apart and stay. */
export function withoutCredentials(text: string, credentials: GatewayCredentials | undefined): string {
  if (credentials === undefined) return text;
  const forms =
    credentials.kind === 'bearer'
      ? [credentials.token]
      : [
          basicToken(credentials.user, credentials.password),
          credentials.password,
          JSON.stringify(credentials.password).slice(1, -1),
          encodeURIComponent(credentials.password),
        ];
  return forms.filter((form) => form.length >= 4).reduce((left, form) => left.replaceAll(form, '…'), text);
}
