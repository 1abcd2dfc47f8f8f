import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A registry in a process of its own. */
export interface RegistryProcess extends AsyncDisposable {
  readonly host: string;
  readonly child: ChildProcess;
  /** Ends it as a power switch does. */
  kill(): Promise<void>;
}

const program = fileURLToPath(new URL('serve-registry.ts', import.meta.url));

/** Starts a registry on a folder; `within` runs it inside another program, given as the first words of its command line. */
export async function startRegistryProcess(folder: string, within: readonly string[] = []): Promise<RegistryProcess> {
  const [command = '', ...argv] = [...within, process.execPath, '--import', 'tsx', program, folder];
  const child = spawn(command, argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const port = await Promise.race([
    once(child.stdout.setEncoding('utf8'), 'data').then(([text]) => Number(text)),
    ended.then(() => undefined),
  ]);
  assert.ok(port !== undefined, `the registry did not start: ${errors}`);
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return { host: `127.0.0.1:${port}`, child, kill, [Symbol.asyncDispose]: kill };
}
