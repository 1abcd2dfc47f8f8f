// The same handler without any runtime: what a person writes who knows only node:http.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const name = new URL(request.url ?? '/', 'http://localhost').searchParams.get('name') ?? 'world';
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ message: `Hello, ${name}!` }));
});
server.listen(Number(process.env.port), '127.0.0.1');
