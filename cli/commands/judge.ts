import { UserError } from '../errors.ts';
import type { Judgement } from '../openfaas/dialects.ts';

/** Throws what a judgement about a changing request means for the user; returns quietly if it was accepted. */
export function requireAccepted(
  judgement: Judgement,
  what: { readonly name: string; readonly gateway: string; readonly request: string },
): void {
  switch (judgement.verdict) {
    case 'accepted':
      return;
    case 'absent':
      throw new UserError('BAN-E404', `${what.gateway} knows no function "${what.name}"`, {
        hint: 'bantam fn list shows what is there',
      });
    case 'exists':
      throw new UserError('BAN-E405', `${what.gateway} says that "${what.name}" exists already`);
    case 'busy':
    case 'look':
    case 'rejected':
      throw new UserError(
        'BAN-E405',
        `the gateway did not accept the ${what.request} of ${what.name}: ${judgement.reason}`,
        { hint: 'bantam fn list shows how things stand' },
      );
    default:
      judgement satisfies never;
  }
}
