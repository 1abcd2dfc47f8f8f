import * as v from 'valibot';
import { UserError } from '../errors.ts';

/** The secret of the chart (and of arkade, k3sup) that holds the login of the gateway. */
export const loginSecret = 'basic-auth';

/** An address under which the cluster shows its gateway. `from`: what says so, for people. */
export interface ClusterAddress {
  readonly url: string;
  readonly from: string;
}

/** Reads the login out of the secret as `kubectl get secret basic-auth -o json` prints it. Throws BAN-E409; nothing of it is quoted. */
export function readLogin(secret: unknown): { readonly user: string; readonly password: string } {
  const result = v.safeParse(secretSchema, secret);
  const { 'basic-auth-user': user, 'basic-auth-password': password } = result.success ? result.output.data : {};
  if (user === undefined || password === undefined || password === '' || user === '' || user.includes(':'))
    throw new UserError('BAN-E409', `the secret ${loginSecret} does not hold basic-auth-user and basic-auth-password`, {
      hint: 'it is no secret of OpenFaaS’s chart: bantam login -g URL --password-stdin takes the login by hand',
    });
  return { user, password };
}

/**
 * The addresses of the gateway as the cluster tells them, the best first: an ingress with TLS, load balancers (MetalLB, the one of
 * k3s), node ports on each ready node, an ingress without TLS. Shapes: those of `kubectl get … -o json`. Throws BAN-E409 for other shapes.
 */
export function findGatewayAddresses(documents: {
  readonly services: unknown;
  readonly ingresses: unknown;
  readonly nodes: unknown;
}): readonly ClusterAddress[] {
  const services = decode(servicesSchema, documents.services, 'services')
    .items.filter(({ metadata }) => serviceNames.includes(metadata.name))
    .sort((left, right) => serviceNames.indexOf(left.metadata.name) - serviceNames.indexOf(right.metadata.name));
  const hosts = nodeHosts(decode(nodesSchema, documents.nodes, 'nodes').items);
  const ingresses = decode(ingressesSchema, documents.ingresses, 'ingresses').items.flatMap(ingressAddresses);
  const balanced = services.flatMap(({ metadata, spec, status }) => {
    const shown = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
    return [...shown, ...(spec.externalIPs ?? [])]
      .filter((host) => host !== '')
      .map((host) => addressOf(host, httpPort(spec.ports)?.port, `service ${metadata.name}`));
  });
  const onNodes = services.flatMap(({ metadata, spec }) => {
    const port = httpPort(spec.ports)?.nodePort;
    return port === undefined ? [] : hosts.map((host) => addressOf(host, port, `service ${metadata.name}, node port`));
  });
  const all = [
    ...ingresses.filter(({ url }) => url.startsWith('https:')),
    ...balanced,
    ...onNodes,
    ...ingresses.filter(({ url }) => url.startsWith('http:')),
  ];
  return all.filter(({ url }, index) => all.findIndex((other) => other.url === url) === index);
}

/** The services of the chart: the one for the outside first. */
const serviceNames = ['gateway-external', 'gateway'];

function addressOf(host: string, port: number | undefined, from: string): ClusterAddress {
  const name = host.includes(':') ? `[${host}]` : host;
  return { url: `http://${name}${port === undefined || port === 80 ? '' : `:${port}`}`, from };
}

type ServicePort = v.InferOutput<typeof portSchema>;

function httpPort(ports: readonly ServicePort[] | undefined): ServicePort | undefined {
  return ports?.find(({ name }) => name === 'http') ?? ports?.find(({ port }) => port === 8080) ?? ports?.[0];
}

/** Addresses of the nodes that are ready: those inside the network before those from outside it. */
function nodeHosts(nodes: v.InferOutput<typeof nodesSchema>['items']): readonly string[] {
  const ready = nodes.filter(({ status }) =>
    (status.conditions ?? []).some(({ type, status: state }) => type === 'Ready' && state === 'True'),
  );
  return ['InternalIP', 'ExternalIP'].flatMap((wanted) =>
    ready.flatMap(({ status }) =>
      (status.addresses ?? []).filter(({ type }) => type === wanted).map(({ address }) => address),
    ),
  );
}

function ingressAddresses({
  metadata,
  spec,
}: v.InferOutput<typeof ingressesSchema>['items'][number]): ClusterAddress[] {
  const secured = new Set((spec.tls ?? []).flatMap(({ hosts }) => hosts ?? []));
  return (spec.rules ?? []).flatMap(({ host, http }) => {
    const path = (http?.paths ?? []).find(({ backend }) => serviceNames.includes(backend.service?.name ?? ''));
    if (path === undefined || !host || host.startsWith('*')) return [];
    const below = (path.path ?? '/').replace(/\/+$/, '');
    return [{ url: `${secured.has(host) ? 'https' : 'http'}://${host}${below}`, from: `ingress ${metadata.name}` }];
  });
}

function decode<Output>(schema: v.GenericSchema<unknown, Output>, document: unknown, what: string): Output {
  const result = v.safeParse(schema, document);
  if (result.success) return result.output;
  // What stands in the wrong place may be the password itself.
  const [issue] = result.issues;
  throw new UserError(
    'BAN-E409',
    `kubectl told the ${what} in a shape that bantam does not know: ${v.getDotPath(issue) ?? 'the whole'} is not ${issue.expected ?? 'what it should be'}`,
    {
      hint: 'bantam login -g URL --password-stdin takes the login by hand',
    },
  );
}

/** Bytes of a secret, in base64. The gateway cuts off blanks and line ends (faas-provider, auth/credentials.go), which `echo` leaves. */
const encodedText = v.pipe(
  v.string(),
  v.transform((text) => Buffer.from(text, 'base64').toString('utf8').trim()),
);
const secretSchema = v.object({
  data: v.object({
    'basic-auth-user': v.optional(encodedText),
    'basic-auth-password': v.optional(encodedText),
  }),
});

const named = v.object({ name: v.string() });
const portSchema = v.object({
  name: v.optional(v.string()),
  port: v.number(),
  nodePort: v.optional(v.number()),
});
const servicesSchema = v.object({
  items: v.array(
    v.object({
      metadata: named,
      spec: v.object({
        ports: v.optional(v.array(portSchema)),
        externalIPs: v.optional(v.array(v.string())),
      }),
      status: v.optional(
        v.object({
          loadBalancer: v.optional(
            v.object({
              ingress: v.optional(v.array(v.object({ ip: v.optional(v.string()), hostname: v.optional(v.string()) }))),
            }),
          ),
        }),
      ),
    }),
  ),
});
const nodesSchema = v.object({
  items: v.array(
    v.object({
      status: v.object({
        addresses: v.optional(v.array(v.object({ type: v.string(), address: v.string() }))),
        conditions: v.optional(v.array(v.object({ type: v.string(), status: v.string() }))),
      }),
    }),
  ),
});
const ingressesSchema = v.object({
  items: v.array(
    v.object({
      metadata: named,
      spec: v.object({
        tls: v.optional(v.array(v.object({ hosts: v.optional(v.array(v.string())) }))),
        rules: v.optional(
          v.array(
            v.object({
              host: v.optional(v.string()),
              http: v.optional(
                v.object({
                  paths: v.array(
                    v.object({
                      path: v.optional(v.string()),
                      backend: v.object({ service: v.optional(named) }),
                    }),
                  ),
                }),
              ),
            }),
          ),
        ),
      }),
    }),
  ),
});
