import { UserError } from '../errors.ts';
import type { Dialect } from '../openfaas/dialects.ts';
import type { FunctionStatus } from '../openfaas/wire.ts';
import type { FunctionLine } from './last-lines.ts';
import type { Sent } from './send.ts';
import { noReplica } from './step.ts';

/** BAN-E501 for a refused deployment (BAN-E506 for a missing secret): the gateway's words, and what became of the function that ran before. Pure. */
export function explainRejection(
  name: string,
  sent: Extract<Sent, { outcome: 'rejected' }>,
  current: FunctionStatus | undefined,
  dialect: Dialect,
): UserError {
  const secret = /secrets? "(?<netes>[^"]+)" not found|unable to find secret: (?<faasd>\S+)/.exec(sent.reason)?.groups;
  const missing = secret?.['netes'] ?? secret?.['faasd'];
  if (missing !== undefined)
    return new UserError('BAN-E506', `${name} needs the secret ${missing}, and ${dialect.title} has no such`, {
      hint: `${aftermath(sent.after, current)}create the secret first: bantam secret create ${missing} --from-file FILE`,
    });
  return new UserError('BAN-E501', `${name}: ${dialect.title} refused it: ${sent.reason}`, {
    hint: `${aftermath(sent.after, current)}${adviceFor(sent.reason)}`,
  });
}

function aftermath(after: FunctionStatus | undefined | 'unreadable', current: FunctionStatus | undefined): string {
  if (current === undefined) return '';
  if (after === 'unreadable')
    return 'whether the function that ran before still runs is not known: look with bantam fn list; ';
  if (after === undefined)
    return 'the function that ran before is gone (this provider removes it first): mend the cause and deploy again, or deploy the image before; ';
  return after.image === current.image
    ? 'what ran before still runs; '
    : `the gateway now shows the image ${after.image}: deploy again; `;
}

function adviceFor(reason: string): string {
  if (/no match for platform|exec format/i.test(reason))
    return 'the image lacks the platform of the node: bantam fn build --push for all platforms';
  if (/failed to resolve reference|not found/i.test(reason) && /image|reference|pull|manifest/i.test(reason))
    return 'can the node reach the registry under this very name, and is the image pushed?';
  if (/only allows public images|Community Edition/i.test(reason))
    return 'the Community Edition has limits: public images, 15 functions, 5 replicas, one namespace';
  if (/secret/i.test(reason)) return 'create the secret first';
  if (/quantit|limit|label/i.test(reason)) return 'check limits, requests and labels in the stack file';
  return 'the gateway’s and the provider’s own logs say more';
}

/** What is known of the watch that failed. */
export interface FailedWatch {
  readonly foreign: boolean;
  readonly timeout: number;
  readonly unchanged: boolean;
}

/** BAN-E502, E504 or E507 for a watch that did not end well, with the log lines below. Pure. */
export function explainWatch(
  name: string,
  result: { readonly verdict: string; readonly reason: string },
  deploy: string,
  dialect: Dialect,
  logLines: readonly FunctionLine[],
  watch: FailedWatch = { foreign: false, timeout: 0, unchanged: false },
): UserError {
  if (result.verdict === 'superseded') {
    return new UserError('BAN-E504', `${name}: ${result.reason} while deploy ${deploy} was waited for`, {
      hint: 'who else deploys this function? look with bantam fn list',
    });
  }
  const seconds = Math.round(watch.timeout / 100) / 10;
  const details = logLines.map(({ instance, text }) => (instance === '' ? text : `${instance} | ${text}`));
  if (watch.foreign) {
    return new UserError('BAN-E507', `${name}: accepted, but not seen running within ${seconds} s: ${result.reason}`, {
      hint: adviceFromLog(logLines, dialect),
      details,
    });
  }
  const scale = result.reason.endsWith(noReplica)
    ? `if it was scaled to zero on purpose: bantam fn scale ${name} 1; `
    : '';
  const what = watch.unchanged ? 'nothing was sent, since this revision is deployed; but it' : 'the new code';
  return new UserError(
    'BAN-E502',
    `${name}: ${what} did not answer as it should within ${seconds} s: ${result.reason}`,
    { hint: `${scale}${adviceFromLog(logLines, dialect)}`, details },
  );
}

function adviceFromLog(logLines: readonly FunctionLine[], dialect: Dialect): string {
  if (logLines.some(({ text }) => /exec format error/i.test(text)))
    return 'the image holds programs of another processor: bantam fn build --push checks each platform’s program, then deploy again';
  if (logLines.length > 0) return 'the last lines of its log are shown with this; --timeout waits longer';
  if (dialect.spoken === 'faas-netes')
    return 'it wrote no log: its pod may not have started (kubectl get pods,events -n openfaas-fn); --timeout waits longer';
  return 'it wrote no log; --timeout waits longer';
}
