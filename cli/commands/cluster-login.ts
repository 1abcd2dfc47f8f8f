import { lookup } from 'node:dns/promises';
import type { ChosenGateway, Context } from '../context.ts';
import { UserError } from '../errors.ts';
import { type GatewayAddress, parseGatewayAddress } from '../openfaas/address.ts';
import { type ClusterAddress, findGatewayAddresses, loginSecret, readLogin } from '../openfaas/cluster-gateway.ts';
import { describeSilence } from '../openfaas/health.ts';
import { type Kubectl, openKubectl } from '../tools/kubectl.ts';

/** A login as the cluster has it, and the gateway's address. `from`: what told the address. */
export interface ClusterLogin {
  readonly user: string;
  readonly password: string;
  readonly address: GatewayAddress;
  readonly from: string;
}

/**
 * Reads the login of a gateway out of its cluster. The address is the one of `-g` or the target, if there is one; else the
 * cluster's: that which the project names, if it is one of them, else the first that answers. Throws BAN-E409.
 */
export async function readClusterLogin(
  chosen: { readonly context: string | undefined; readonly namespace: string },
  context: Context,
): Promise<ClusterLogin> {
  const kubectl = openKubectl({ run: context.run, context: chosen.context });
  const within = `--namespace=${chosen.namespace}`;
  context.report({ type: 'progress', about: 'cluster', text: `reading the secret ${loginSecret} with kubectl` });
  try {
    const login = readLogin(await kubectl.get(['secret', loginSecret, within], context.signal));
    const wanted = await context.gatewayAddress();
    if (wanted.source === 'flag') return { ...login, address: wanted, from: '--gateway' };
    if (wanted.source === 'target') return { ...login, address: wanted, from: `target ${wanted.target}` };
    const addresses = await askForAddresses(kubectl, within, context);
    context.report({ type: 'progress', about: 'cluster', text: 'looking which address of the gateway answers' });
    return { ...login, ...(await chooseAddress(addresses, wanted, chosen.namespace, context.signal)) };
  } finally {
    context.report({ type: 'ended', about: 'cluster' });
  }
}

async function askForAddresses(
  kubectl: Kubectl,
  within: string,
  { signal, report }: Context,
): Promise<readonly ClusterAddress[]> {
  const hidden: UserError[] = [];
  // Who may read one namespace only sees no nodes; a load balancer or an ingress is enough then.
  const getIfAllowed = async (words: readonly string[]): Promise<unknown> => {
    try {
      return await kubectl.get(words, signal);
    } catch (thrown) {
      if (!(thrown instanceof UserError)) throw thrown;
      hidden.push(thrown);
      return { items: [] };
    }
  };
  const [services, ingresses, nodes] = await Promise.all([
    kubectl.get(['services', within], signal),
    getIfAllowed(['ingresses', within]),
    getIfAllowed(['nodes']),
  ]);
  const addresses = findGatewayAddresses({ services, ingresses, nodes });
  const [first] = hidden;
  if (addresses.length === 0 && first !== undefined) throw first;
  for (const { message } of hidden) report({ type: 'warning', text: `addresses may be missing: ${message}` });
  return addresses;
}

async function chooseAddress(
  addresses: readonly ClusterAddress[],
  wanted: ChosenGateway,
  namespace: string,
  signal: AbortSignal,
): Promise<{ readonly address: GatewayAddress; readonly from: string }> {
  const own = await isAmong(wanted, addresses);
  const candidates = [...(own ? [{ url: wanted.url, from: 'the stack file or $OPENFAAS_URL' }] : []), ...addresses];
  const silences = await Promise.all(candidates.map(({ url }) => describeSilence(url, signal)));
  const found = candidates.find((_, index) => silences[index] === undefined);
  if (found !== undefined) {
    const address = own && found.url === wanted.url ? wanted : parseGatewayAddress(found.url);
    return { address, from: found.from };
  }
  const forward = `kubectl port-forward -n ${namespace} svc/gateway 8080:8080, and beside it: bantam login --from-cluster -g http://127.0.0.1:8080`;
  if (candidates.length === 0)
    throw new UserError(
      'BAN-E409',
      `the cluster shows its gateway to nobody outside: no node port, load balancer or ingress in ${namespace}`,
      {
        hint: forward,
      },
    );
  throw new UserError('BAN-E409', 'none of the addresses that the cluster tells of its gateway answers here', {
    details: silences.map((silence, index) => `${candidates[index]?.from}: ${silence}`),
    hint: `-g URL names another address; or ${forward}`,
  });
}

/** True if the project's own gateway is one of the cluster's addresses, by its spelling or by what its name resolves to: the cluster's password is for no other. */
async function isAmong(wanted: ChosenGateway, addresses: readonly ClusterAddress[]): Promise<boolean> {
  if (wanted.source !== 'stack' && wanted.source !== 'environment') return false;
  const has = (url: string): boolean => addresses.some((address) => parseGatewayAddress(address.url).url === url);
  if (has(wanted.url)) return true;
  const url = new URL(wanted.url);
  // A name that nobody knows is none of the cluster's.
  const resolved = await lookup(url.hostname, { all: true }).catch(() => []);
  return resolved.some(({ address, family }) => {
    const host = family === 6 ? `[${address}]` : address;
    return has(`${url.protocol}//${host}${url.port === '' ? '' : `:${url.port}`}${url.pathname.replace(/\/+$/, '')}`);
  });
}
