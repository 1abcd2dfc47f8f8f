import type { FunctionDeployment } from '../../openfaas/wire.ts';
import { parseQuantity } from './quantity.ts';

function quantities({ limits, requests }: FunctionDeployment): string[] {
  return [limits?.memory, limits?.cpu, requests?.memory, requests?.cpu].flatMap((text) => (text ? [text] : []));
}

/** Whether a limit or request is no quantity of Kubernetes. */
export function badQuantity(body: FunctionDeployment): boolean {
  return quantities(body).some((text) => parseQuantity(text) === undefined);
}

/** What Kubernetes' API server would say to the Deployment, as far as functions meet it; `undefined` if nothing. */
export function kubernetesRefusal({ labels, limits, requests }: FunctionDeployment): string | undefined {
  for (const kind of ['cpu', 'memory'] as const) {
    const limit = limits?.[kind];
    const request = requests?.[kind];
    if (!limit || !request) continue;
    if ((parseQuantity(request) ?? 0) > (parseQuantity(limit) ?? 0)) {
      return `spec.template.spec.containers[0].resources.requests: Invalid value: "${request}": must be less than or equal to ${kind} limit of ${limit}`;
    }
  }
  for (const [name, value] of Object.entries(labels ?? {})) {
    if (!isLabelName(name))
      return `spec.template.labels: Invalid value: "${name}": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`;
    if (!/^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/.test(value))
      return `spec.template.labels: Invalid value: "${value}": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'`;
  }
  return undefined;
}

/** `[prefix/]name` of a Kubernetes label. */
function isLabelName(text: string): boolean {
  const parts = text.split('/');
  const name = parts.at(-1) ?? '';
  const prefix = parts.length > 1 ? parts[0] : undefined;
  return (
    parts.length <= 2 &&
    /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(name) &&
    (prefix === undefined || (/^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/.test(prefix) && prefix.length <= 253))
  );
}
