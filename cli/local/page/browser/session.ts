/**
 * The token of this tab. It is kept in the state of the tab's history entry: it survives a reload and is seen by no other page, not even by
 * one of the same origin (a function's answer that is shown in this tab), which could read cookies and storage.
 */
let token: string | undefined;

/** Takes the token that a reload left behind, and keeps it on every entry that the tab goes to. */
export function restoreToken(): string | undefined {
  const state: unknown = history.state;
  if (typeof state === 'object' && state !== null && 'token' in state && typeof state.token === 'string')
    token = state.token;
  return token;
}

export function currentToken(): string | undefined {
  return token;
}

/** Keeps a token, or forgets it. */
export function keepToken(next: string | undefined): void {
  token = next;
  rememberToken();
}

/** To be called whenever the tab has gone to another entry. */
export function rememberToken(): void {
  history.replaceState(token === undefined ? null : { token }, '');
}

/** Takes the key out of `#key=…`, and out of the address bar and the history. */
export function takeKey(): string | undefined {
  const key = /^#key=([\w-]+)$/.exec(location.hash)?.[1];
  if (key !== undefined) history.replaceState(history.state, '', '#/');
  return key;
}
