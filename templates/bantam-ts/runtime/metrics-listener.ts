import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type Metrics } from './metrics.ts';

/** Opens the port of `/metrics`. Rejects when it is taken. */
export async function openMetrics(metrics: Metrics, port: number, host: string | undefined): Promise<Server> {
  const server = createServer((request, answer) => {
    const isMetrics = request.url?.split('?', 1)[0] === '/metrics';
    answer.writeHead(isMetrics ? 200 : 404, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
    answer.end(isMetrics ? metrics.render() + renderProcess() : 'there is only /metrics\n');
  });
  server.listen({ port, host });
  await once(server, 'listening');
  server.unref(); // it ends with the process, whose end it must not delay
  return server;
}

/** The port a server listens on, for the log. */
export function portOf(server: Pick<Server, 'address'>): number {
  return (server.address() as AddressInfo).port; // neither a pipe nor closed
}

function renderProcess(): string {
  const { user, system } = process.cpuUsage();
  const values = [
    ['process_cpu_seconds_total', 'counter', 'Processor time used.', (user + system) / 1e6],
    ['process_resident_memory_bytes', 'gauge', 'Memory in use.', process.memoryUsage.rss()],
    ['process_start_time_seconds', 'gauge', 'Start, since 1970.', performance.timeOrigin / 1000],
    ['process_open_fds', 'gauge', 'Open files and sockets.', readdirSync('/proc/self/fd').length],
  ] as const;
  return values.map(([name, type, help, value]) => `${describe(name, type, help)}\n${name} ${value}\n`).join('');
}
