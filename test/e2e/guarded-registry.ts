import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A registry that wants a user and a password, in front of one that does not. */
export interface GuardedRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** User agents of the requests that came with the right credentials. */
  readonly admitted: readonly string[];
}

/** Answers 401 with a Basic challenge unless `user:password` comes along, and passes everything else on to `target`, a `host:port`. */
export async function startGuardedRegistry(target: string, user: string, password: string): Promise<GuardedRegistry> {
  const [host = '', port = ''] = target.split(':');
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const admitted: string[] = [];
  const server = createServer((incoming, outgoing) => {
    if (incoming.headers.authorization !== wanted) {
      outgoing
        .writeHead(401, { 'www-authenticate': 'Basic realm="guarded"', 'content-type': 'application/json' })
        .end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
      return;
    }
    admitted.push(incoming.headers['user-agent'] ?? '');
    const { method, url, headers } = incoming;
    const passed = request({ host, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    admitted,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
