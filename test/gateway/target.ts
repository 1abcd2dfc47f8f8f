/**
 * The gateway that `npm run test:gateway` names, taken out of the environment before any test runs: what the suite needs
 * must not reach the programs that other tests start. `undefined` means the embedded gateway.
 */
export const gatewayUnderTest = takeTarget();

function takeTarget():
  | { readonly url: string; readonly user: string; readonly password: string; readonly registry: string }
  | undefined {
  const take = (name: string): string | undefined => {
    const value = process.env[name];
    delete process.env[name];
    return value;
  };
  const [url, user, password, registry] = [
    'BANTAM_GATEWAY',
    'BANTAM_GATEWAY_USER',
    'BANTAM_GATEWAY_PASSWORD',
    'BANTAM_REGISTRY',
  ].map(take);
  if (url === undefined) return undefined;
  if (registry === undefined)
    throw new Error('BANTAM_REGISTRY names a registry that this machine and the nodes of BANTAM_GATEWAY reach');
  return { url, user: user ?? 'admin', password: password ?? '', registry };
}
