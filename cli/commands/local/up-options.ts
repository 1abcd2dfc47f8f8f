import { UserError } from '../../errors.ts';
import { isQuantity, quantityOf } from '../../stack/quantity.ts';

/** What `local up` takes. */
export const upOptions = {
  port: {
    flags: '--port <number>',
    kind: 'number',
    description: 'port on 127.0.0.1 (default: 8585; 0 takes a free one)',
  },
  username: { flags: '-u, --username <name>', kind: 'text', description: 'user name (default: admin)' },
  passwordFile: {
    flags: '--password-file <file>',
    kind: 'text',
    description: 'read the password from a file (default: one that is made and kept in .bantam/)',
  },
  provider: {
    flags: '--provider <process|docker>',
    kind: 'text',
    description: 'what runs functions: your own processes (default, without Docker) or containers',
  },
  as: {
    flags: '--as <faas-netes|faasd>',
    kind: 'text',
    description: 'the provider it answers like (default: faas-netes)',
  },
  ce: {
    flags: '--ce',
    kind: 'flag',
    description: 'with the limits of the Community Edition (at most 5 replicas, at least 1)',
  },
  trust: {
    flags: '--trust',
    kind: 'flag',
    description: 'run images as your own processes that were not built here, too',
  },
  detach: { flags: '-d, --detach', kind: 'flag', description: 'stay in the background; bantam local down stops it' },
  listen: {
    flags: '--listen <address>',
    kind: 'text',
    description:
      'be there for other machines, too, at this address of yours (0.0.0.0: all); writing needs the password',
  },
  registryQuota: {
    flags: '--registry-quota <size>',
    kind: 'text',
    description: 'the most its registry may hold, for example 5Gi (default: what the disk gives)',
  },
} as const;

/** The values of {@link upOptions}. */
export interface UpOptions {
  readonly port: number | undefined;
  readonly username: string | undefined;
  readonly passwordFile: string | undefined;
  readonly provider: string | undefined;
  readonly as: string | undefined;
  readonly ce: boolean;
  readonly trust: boolean;
  readonly detach: boolean;
  readonly listen: string | undefined;
  readonly registryQuota: string | undefined;
}

/** What is wrong with a combination is said before anything is started. Throws BAN-E001. */
export function readProvider({
  provider = 'process',
  trust,
}: Pick<UpOptions, 'provider' | 'trust'>): 'process' | 'docker' {
  if (provider !== 'process' && provider !== 'docker')
    throw new UserError('BAN-E001', `there is no provider "${provider}"`, {
      hint: '--provider process runs functions as your own processes, --provider docker in containers',
    });
  if (trust && provider === 'docker')
    throw new UserError('BAN-E001', '--trust is for the process provider: containers need no trust', {
      hint: 'leave one of the two out',
    });
  return provider;
}

/** Checks the port and the user's name. Throws BAN-E001. */
export function checkNames({ port, username }: Pick<UpOptions, 'port' | 'username'>): void {
  if (port !== undefined && port > 65_535)
    throw new UserError('BAN-E001', `${port} is no port`, { hint: 'ports are 1 to 65535; 0 takes a free one' });
  if (username !== undefined && (username === '' || /[:\p{Cc}]/u.test(username)))
    throw new UserError('BAN-E001', `"${username}" cannot be a user name`, {
      hint: 'basic authentication takes no colon and no control characters in it',
    });
}

/** Bytes of a size: `5Gi`, `500M`, `1000000`. Throws BAN-E001. */
export function readSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = isQuantity(text) ? quantityOf(text) : Number.NaN;
  if (Number.isFinite(bytes) && bytes >= 1) return Math.floor(bytes);
  throw new UserError('BAN-E001', `"${text}" is no size`, { hint: 'write --registry-quota 5Gi, or 500Mi' });
}
