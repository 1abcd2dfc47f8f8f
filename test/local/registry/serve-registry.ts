import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openEmbeddedRegistry } from '../../../cli/local/registry/server.ts';

/** A registry as a process of its own, to be killed: `serve-registry.ts FOLDER`. Says its port on stdout. */
async function serve(folder: string): Promise<void> {
  const registry = await openEmbeddedRegistry({ folder, mayWrite: () => true, report: () => undefined });
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 }, registry.handler);
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
  // Whoever started it ended without killing it.
  process.stdin.on('end', () => process.exit(0)).resume();
}

void serve(process.argv[2] ?? '');
