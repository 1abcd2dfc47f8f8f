import type { Block } from '../command.ts';
import type { Failure } from '../errors.ts';
import type { DeployOutcome } from '../rollout/deploy.ts';
import { shortRevision } from '../rollout/revision.ts';
import { describeFailureOf, factLine, groupAlike } from './describe-outcome.ts';

/**
 * What `fn deploy` says, one line per function:
 * `hello   deployed   revision 3f2a91c0   1/1 replicas   answers after 2.1 s   http://…/function/hello`.
 */
export function describeDeploy(
  outcomes: readonly (DeployOutcome | { readonly name: string; readonly failure: Failure })[],
): readonly Block[] {
  const widest = Math.max(...outcomes.map(({ name }) => name.length), 0);
  return groupAlike(outcomes).flatMap(([outcome, ...others]): readonly Block[] => {
    const names = [outcome, ...others].map(({ name }) => name).join(', ');
    const failed = outcome.failure === undefined ? [] : describeFailureOf(names, outcome.failure);
    if (!('verdict' in outcome)) return failed;
    if (outcome.failure !== undefined) {
      // The details of a failed watch are these lines already.
      const lines = outcome.failure.details === undefined ? outcome.logLines : [];
      return [
        ...failed,
        ...lines.map((line): Block => ({ kind: 'line', text: `    log ${line.instance}  ${line.text}` })),
      ];
    }
    const { replicas, answersAfterMilliseconds: after } = outcome;
    const facts = [
      outcome.name,
      stateOf(outcome),
      `revision ${shortRevision(outcome.revision)}`,
      `${replicas.available}/${replicas.wanted} replicas`,
      ...(outcome.action === 'unchanged' || after === undefined
        ? []
        : [`answers after ${(after / 1000).toFixed(1)} s`]),
      outcome.url,
    ];
    const remark = outcome.remark === undefined ? [] : [{ kind: 'line', text: `    ${outcome.remark}` } as const];
    return [factLine(facts, { width: widest }), ...remark];
  });
}

function stateOf(outcome: DeployOutcome): string {
  if (outcome.verdict === 'unproven')
    return outcome.action === 'unchanged' ? 'unchanged, unproven' : 'accepted, unproven';
  return outcome.action === 'unchanged' ? 'unchanged, answers' : 'deployed';
}
