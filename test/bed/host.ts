import { existsSync } from 'node:fs';
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './program.ts';
import type { HostBefore } from './state.ts';

const forwardingFile = '/proc/sys/net/ipv4/ip_forward';

/** The programs that look at and change the network; the bed's own unpacked copies, with the environment they need. */
export interface NetworkTools {
  readonly iptables: string;
  readonly busybox: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Notes what a Docker Engine is going to change on this machine. */
export async function lookAtHost(tools: NetworkTools): Promise<HostBefore> {
  return {
    links: await readLinks(),
    rules: await run(`${tools.iptables}-save`, [], { environment: tools.environment }),
    forwarding: (await readFile(forwardingFile, 'utf8')).trim(),
    folders: (await engineFolders()).filter((folder) => existsSync(folder)),
  };
}

/** Takes back what a Docker Engine changed: bridges, firewall rules, forwarding, empty cgroups. Only what was not there before. */
export async function restoreHost(before: HostBefore, tools: NetworkTools): Promise<void> {
  for (const link of await readLinks()) {
    if (before.links.includes(link)) continue;
    const ofEngine = /^(docker0|br-[0-9a-f]{12}|veth[0-9a-f]{7})$/.test(link);
    // A veth pair goes with the first of the two, so the second may be gone by now.
    if (ofEngine && (await readLinks()).includes(link)) await run(tools.busybox, ['ip', 'link', 'delete', link]);
  }
  await removeRules(before.rules, tools);
  if (before.forwarding === '0') await writeFile(forwardingFile, '0');
  for (const folder of await engineFolders()) if (!before.folders.includes(folder)) await removeEmptyTree(folder);
}

/** Names of the network links of this network namespace (/sys may show those of another one). */
async function readLinks(): Promise<string[]> {
  const lines = (await readFile('/proc/net/dev', 'utf8')).split('\n').slice(2);
  return lines.map((line) => line.split(':')[0]?.trim() ?? '').filter((name) => name !== '');
}

interface Rules {
  /** Lines `-A CHAIN …`, with their table. */
  readonly rules: readonly { readonly table: string; readonly text: string }[];
  readonly chains: readonly { readonly table: string; readonly name: string }[];
}

/** Reads the output of iptables-save. */
export function parseRules(saved: string): Rules {
  const rules: { table: string; text: string }[] = [];
  const chains: { table: string; name: string }[] = [];
  let table = '';
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (line.startsWith('-A ')) rules.push({ table, text: line.slice(3) });
    else if (/^:\S+ - /.test(line)) chains.push({ table, name: line.slice(1, line.indexOf(' ')) });
  }
  return { rules, chains };
}

async function removeRules(before: string, tools: NetworkTools): Promise<void> {
  const options = { environment: tools.environment };
  const old = parseRules(before);
  const now = parseRules(await run(`${tools.iptables}-save`, [], options));
  const ofEngine = (text: string): boolean => /\bDOCKER\b|\bdocker0\b|\bbr-[0-9a-f]{12}\b/.test(text);
  const isNew = (rule: { table: string; text: string }): boolean =>
    !old.rules.some(({ table, text }) => table === rule.table && text === rule.text);
  // For a port published on loopback; it names no interface of the engine.
  const guardsLoopback = ({ table, text }: { table: string; text: string }): boolean =>
    table === 'raw' && /^PREROUTING -d 127\.\S+ ! -i lo .*-j DROP$/.test(text);
  // iptables-restore takes the lines as iptables-save quotes them and carries all of them out at once.
  const lines = new Map<string, string[]>();
  const add = (table: string, line: string): void => {
    lines.set(table, [...(lines.get(table) ?? []), line]);
  };
  for (const rule of now.rules)
    if (isNew(rule) && (ofEngine(rule.text) || guardsLoopback(rule))) add(rule.table, `-D ${rule.text}`);
  const chains = now.chains.filter(
    ({ table, name }) => ofEngine(name) && !old.chains.some((chain) => chain.table === table && chain.name === name),
  );
  for (const { table, name } of chains) add(table, `-F ${name}`);
  for (const { table, name } of chains) add(table, `-X ${name}`);
  const input = [...lines].map(([table, changes]) => [`*${table}`, ...changes, 'COMMIT', ''].join('\n')).join('');
  if (input !== '') await run(`${tools.iptables}-restore`, ['--noflush'], { ...options, input });
}

async function engineFolders(): Promise<string[]> {
  const controllers = await readdir('/sys/fs/cgroup', { withFileTypes: true }).catch(() => []);
  const trees = controllers
    .filter((entry) => entry.isDirectory())
    .map((entry) => join('/sys/fs/cgroup', entry.name, 'docker'));
  return ['/sys/fs/cgroup/docker', ...trees, '/run/containerd/s', '/run/containerd', '/run/docker'];
}

/** Removes folders that hold nothing but folders. The "files" of a cgroup do not count: rmdir takes it with them. */
async function removeEmptyTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (entry.isDirectory()) await removeEmptyTree(join(folder, entry.name));
  }
  // Something else lives in it: then it is not ours to remove.
  await rmdir(folder).catch(() => undefined);
}
