import { secretSchema } from '../../openfaas/wire.ts';
import type { GatewayParts } from './gateway.ts';
import { decodeJson } from './json-body.ts';
import { queryOf, type Route, sendText } from './route.ts';

/** `/system/secrets`: names are listed, values only ever go in. */
export function secretRoutes({ secrets, dialect }: Pick<GatewayParts, 'secrets' | 'dialect'>): Route[] {
  const change =
    (kind: 'create' | 'update' | 'delete') =>
    async (request: Request): Promise<Response> => {
      const { value: secret, problem } = decodeJson(await request.text(), secretSchema);
      if (secret === undefined) return sendText(dialect.unreadableSecret(problem));
      const refusal = dialect.refuseNamespace(secret.namespace);
      if (refusal !== undefined) return sendText(refusal);
      const { name, value = '', rawValue } = secret;
      const exists = (await secrets.list()).includes(name);
      const { reply, act } = dialect.secret(kind, name, exists);
      if (act && kind === 'delete') await secrets.remove(name);
      if (act && kind !== 'delete') {
        await secrets.write(name, !rawValue ? Buffer.from(value, 'utf8') : Buffer.from(rawValue, 'base64'));
      }
      return sendText(reply);
    };

  return [
    {
      method: 'GET',
      path: '/system/secrets',
      answer: async (request) => {
        const refusal = dialect.refuseNamespace(queryOf(request, 'namespace'));
        if (refusal !== undefined) return sendText(refusal);
        const listed = (await secrets.list()).map((name) => ({ name, namespace: dialect.namespace }));
        return Response.json(listed, { headers: { 'Content-Type': dialect.secretListType } });
      },
    },
    { method: 'POST', path: '/system/secrets', answer: change('create') },
    { method: 'PUT', path: '/system/secrets', answer: change('update') },
    { method: 'DELETE', path: '/system/secrets', answer: change('delete') },
  ];
}
