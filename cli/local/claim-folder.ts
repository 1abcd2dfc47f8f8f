import { UserError } from '../errors.ts';
import { type Cleared, clearEarlier, type Traces } from './clear-earlier.ts';
import type { LocalCredentials } from './gateway/basic-auth.ts';
import type { Front } from './gateway/front.ts';
import { type Listener, listen } from './gateway/listen.ts';
import type { ProviderChoice } from './local-provider.ts';
import { isWildcard } from './own-addresses.ts';
import { newInstanceId } from './replicas/names.ts';
import { type FolderLock, lockFolder } from './state/folder-lock.ts';
import { removeInstanceRecord, startOf, writeInstance } from './state/instance-file.ts';

/** Who claims a state folder, and where it will listen. */
export interface Claimant extends Traces {
  readonly credentials: LocalCredentials;
  readonly provider: Pick<ProviderChoice, 'kind'>;
  readonly port?: number | undefined;
  readonly listen?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A folder and a port that are this process's, and its record, which says so. */
export interface Claim {
  readonly credentials: LocalCredentials;
  readonly instance: string;
  readonly port: number;
  /** `127.0.0.1:8585`. */
  readonly address: string;
  /** What was left of an earlier gateway that was killed. */
  readonly cleared: Cleared;
  /** Whom requests go to from now on; before, all are answered 503. */
  setFront(front: Front): void;
  /** The same for further listeners. */
  readonly front: Front;
}

const loopback = '127.0.0.1';
const defaultPort = 8585;

/**
 * Ends what a killed gateway left, opens the port, and writes the record. `later` gets what undoes it. Throws BAN-E004 if another gateway has the folder or
 * is about to have it, BAN-E601, BAN-E620, `Interrupted`.
 */
export async function claimFolder(claimant: Claimant, later: (step: () => Promise<unknown>) => void): Promise<Claim> {
  const { stateFolder, credentials, provider, port: wanted = defaultPort, signal } = claimant;
  const instance = newInstanceId();
  let handler = refuse('the local gateway is starting');
  const front: Front = {
    request: (incoming, outgoing) => handler.request(incoming, outgoing),
    upgrade: (incoming, socket, head) => handler.upgrade(incoming, socket, head),
  };
  const open = async (): Promise<Listener> => {
    const wide = claimant.listen !== undefined && isWildcard(claimant.listen) ? claimant.listen : loopback;
    const main = await listen(wide, wanted, front);
    later(() => main.close());
    return main;
  };
  // From here to the record, which then says that the folder is taken.
  const lock = await lockFolder(stateFolder, signal);
  try {
    const cleared = await clearEarlier(claimant);
    later(() => removeInstanceRecord(stateFolder, instance));
    const { port } = await open();
    requireHeld(lock, stateFolder);
    const started = startOf(process.pid);
    const address = `${loopback}:${port}`;
    await writeInstance(stateFolder, {
      instance,
      pid: process.pid,
      ...(started === undefined ? {} : { started }),
      url: `http://${address}`,
      ...credentials,
      provider: provider.kind,
      registry: address,
      ...(claimant.listen === undefined ? {} : { listen: claimant.listen }),
      page: `http://${address}/ui/`,
    });
    const setFront = (next: Front): void => {
      handler = next;
    };
    return { credentials, instance, port, address, cleared, front, setFront };
  } finally {
    await lock.release();
  }
}

/** Answers everything with 503 and a sentence. */
export function refuse(text: string): Front {
  return {
    request: (_, outgoing) => void outgoing.writeHead(503, { 'Content-Type': 'text/plain' }).end(text),
    upgrade: (_, socket) => void socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n'),
  };
}

/** A process that stood still for so long that another start took the lock over must not write over that one's record. */
function requireHeld({ lost }: FolderLock, stateFolder: string): void {
  if (lost) throw new UserError('BAN-E004', `another local gateway was started in ${stateFolder} meanwhile`);
}
