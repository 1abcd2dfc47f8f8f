/**
 * The gateway that `npm run test:gateway` names; `undefined` means the embedded one. It is taken out of bantam's own
 * variables before any test runs, because what the suite needs must not reach the programs that other tests start, and
 * kept under a name that bantam does not know, because mocha hands its environment on to a second process.
 */
export const gatewayUnderTest = takeTarget();

interface GatewayUnderTest {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly registry: string;
}

function takeTarget(): GatewayUnderTest | undefined {
  const take = (name: string): string | undefined => {
    const value = process.env[name];
    delete process.env[name];
    return value;
  };
  const [url, user = 'admin', password = '', registry] = [
    'BANTAM_GATEWAY',
    'BANTAM_GATEWAY_USER',
    'BANTAM_GATEWAY_PASSWORD',
    'BANTAM_REGISTRY',
  ].map(take);
  if (url !== undefined) {
    if (registry === undefined)
      throw new Error('BANTAM_REGISTRY names a registry that this machine and the nodes of BANTAM_GATEWAY reach');
    process.env['BANTAM_SUITE_TARGET'] = JSON.stringify({ url, user, password, registry });
  }
  const kept = process.env['BANTAM_SUITE_TARGET'];
  return kept === undefined ? undefined : (JSON.parse(kept) as GatewayUnderTest);
}
