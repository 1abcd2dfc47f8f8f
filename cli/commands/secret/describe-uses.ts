import type { Block } from '../../command.ts';
import type { SecretUses } from './uses.ts';

/**
 * What is to be done about functions after secrets got new values: which ones use them, and the command that starts them anew.
 * A secret's value is in no revision, so that `fn deploy` alone would find them unchanged.
 */
export function describeRedeploy(uses: readonly SecretUses[]): readonly Block[] {
  const declared = namesOf(uses.map((each) => each.declared));
  if (uses.some(({ deployed }) => deployed === undefined))
    return [
      line('which deployed functions use it is not known: those that read it when they start keep the old value'),
      ...(declared.length === 0 ? [] : [next(`bantam fn deploy ${declared.join(' ')} --no-build --again`)]),
    ];
  const deployed = namesOf(uses.map((each) => each.deployed ?? []));
  const ours = deployed.filter((name) => declared.includes(name));
  const others = deployed.filter((name) => !declared.includes(name));
  const waiting = declared.filter((name) => !deployed.includes(name));
  return [
    ...(deployed.length === 0
      ? []
      : [line(`used by ${deployed.join(', ')}: what reads it at its start keeps the old value until it starts anew`)]),
    ...(ours.length === 0 ? [] : [next(`bantam fn deploy ${ours.join(' ')} --no-build --again`)]),
    ...(others.length === 0
      ? []
      : [line(`    not of this stack file, so redeploy from where they come: ${others.join(', ')}`)]),
    ...describeWaiting(waiting),
  ];
}

/** Functions of the stack file that can be deployed now that the secret is there. */
export function describeWaiting(waiting: readonly string[]): readonly Block[] {
  return waiting.length === 0
    ? []
    : [line(`declared by ${waiting.join(', ')}`), next(`bantam fn deploy ${waiting.join(' ')}`)];
}

function namesOf(lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].sort();
}

function line(text: string): Block {
  return { kind: 'line', text };
}

function next(command: string): Block {
  return line(`    next: ${command}`);
}
