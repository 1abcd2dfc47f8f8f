import { UserError } from '../../errors.ts';
import type { Dialect } from './dialect.ts';
import { faasNetes, faasNetesCommunity } from './faas-netes.ts';
import { faasd } from './faasd.ts';

/** What `--as` takes. */
export const dialectNames = ['faas-netes', 'faasd'] as const;

/**
 * The dialect that `--as` and `--ce` name; faas-netes without limits if nothing does. Throws BAN-E630 for a name that is none, and for the Community
 * Edition of a provider that has none.
 */
export function chooseDialect(name = 'faas-netes', communityEdition = false): Dialect {
  if (name === 'faas-netes') return communityEdition ? faasNetesCommunity : faasNetes;
  if (name === 'faasd' && !communityEdition) return faasd;
  if (name === 'faasd')
    throw new UserError('BAN-E630', 'faasd has no Community Edition that --ce could mean', {
      hint: 'leave out --ce, or say --as faas-netes',
    });
  throw new UserError('BAN-E630', `the local gateway does not speak as "${name}"`, {
    hint: `say --as ${dialectNames.join(' or --as ')}`,
  });
}
