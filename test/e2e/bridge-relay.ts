import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way from containers to a server on the host's loopback, which they cannot reach: a listener on the engine's own bridge that passes bytes on. */
export interface BridgeRelay extends AsyncDisposable {
  /** `172.17.0.1:40123`, as containers name it. */
  readonly address: string;
}

/** Listens on `bridge` (the gateway address of a container network) and passes every connection on to `target`, a `host:port`. */
export async function startBridgeRelay(bridge: string, target: string): Promise<BridgeRelay> {
  const [host = '', port = ''] = target.split(':');
  const open = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(Number(port), host);
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      socket.on('error', () => other.destroy());
    }
    incoming.pipe(outgoing).pipe(incoming);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, bridge, resolve);
  });
  return {
    address: `${bridge}:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
