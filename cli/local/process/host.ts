import { readFile } from 'node:fs/promises';
import { type Node, nodeOf } from '../../oci/node.ts';

/** Node's names of processors that Go calls otherwise. */
const machines: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** This machine as a node: what it takes of an index. A 32-bit ARM system is told apart by the version that its Node was compiled for. */
export function hostNode(): Node {
  const settings: Readonly<Record<string, unknown>> = { ...process.config.variables };
  const version = process.arch === 'arm' && settings['arm_version'] === '6' ? { variant: 'v6' } : {};
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  return nodeOf({ os: system, architecture: machines[process.arch] ?? process.arch, ...version });
}

/** The id of the machine's present run, from its start to its end; empty where the system does not tell. */
export async function readBoot(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim();
}
