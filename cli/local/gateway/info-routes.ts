import type { Dialect } from '../dialect/dialect.ts';
import { type Route, sendText } from './route.ts';

/** Where a commit would stand: some clients refuse an empty one, and a local gateway may run from a working copy. */
const unknownCommit = 'unknown';

/**
 * `/healthz`, `/system/info`, `/system/namespaces`: what the gateway says of itself. `arch` is empty, as in the real one. The provider is bantam's own,
 * so that nobody takes it for a cluster; `orchestration` names whom it speaks like.
 */
export function infoRoutes(dialect: Dialect, release: string): Route[] {
  const version = { release, sha: unknownCommit };
  const provider = { provider: 'bantam-local', orchestration: dialect.orchestration, version };
  return [
    { method: 'GET', path: '/healthz', answer: () => sendText({ status: 200, body: '' }) },
    { method: 'GET', path: '/system/info', answer: () => Response.json({ provider, version, arch: '' }) },
    { method: 'GET', path: '/system/namespaces', answer: () => Response.json([dialect.namespace]) },
  ];
}
