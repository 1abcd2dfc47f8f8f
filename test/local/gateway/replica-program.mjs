// A function as a process, for tests: answers its generation after the time that `?wait=` asks for, and ends as `manner` says when it is told to.
// What it sees it tells on stdout: its port, then the call id of each request.
import { createServer } from 'node:http';

const [generation, manner] = process.argv.slice(2);
const server = createServer((incoming, outgoing) => {
  if (incoming.url.startsWith('/_/')) return outgoing.end('ok');
  process.stdout.write(`call ${incoming.headers['x-call-id']}\n`);
  const wait = Number(new URL(incoming.url, 'http://x').searchParams.get('wait') ?? 0);
  let length = 0;
  incoming.on('data', (chunk) => {
    length += chunk.length;
  });
  incoming.on('end', () => setTimeout(() => outgoing.end(`${generation} ${length}`), wait));
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${server.address().port}\n`));
process.on('SIGTERM', () => {
  // A runtime goes on accepting for a while, since others need time to hear of its end; some close at once. What was accepted is answered.
  setTimeout(
    () => {
      server.close(() => process.exit(0));
      server.closeIdleConnections();
    },
    manner === 'at-once' ? 0 : 200,
  );
});
