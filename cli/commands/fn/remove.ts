import { defineCommand } from '../../command.ts';
import type { Context } from '../../context.ts';
import { describeFailure, exitCodeOf, gravest, UserError } from '../../errors.ts';
import type { Gateway } from '../../openfaas/gateway.ts';
import { systemClock } from '../../rollout/clock.ts';
import { describeFailureOf, factLine } from '../describe-outcome.ts';
import { requireAccepted } from '../judge.ts';

/** `bantam fn remove`: takes functions off the gateway; images, sources and the stack file stay. */
export const remove = defineCommand({
  arguments: [{ name: '<names...>', description: 'the functions' }],
  options: {},
  examples: ['bantam fn remove hello', 'bantam fn remove hello ping'],
  async run(input, context) {
    const { gateway, dialect, describe } = await context.gateway();
    context.report({ type: 'target', text: describe });
    const functions = await Promise.all(
      input.names.map(async (name) => {
        try {
          const namespace = await context.namespaceOf(name);
          const answer = await gateway.remove(name, namespace, context.signal);
          requireAccepted(dialect.judgeRemove(answer), { name, gateway: gateway.url, request: 'removal' });
          await waitUntilGone(gateway, name, namespace, context);
          return { name };
        } catch (thrown) {
          if (!(thrown instanceof UserError)) throw thrown;
          return { name, failure: describeFailure(thrown) };
        }
      }),
    );
    const widest = Math.max(...input.names.map(({ length }) => length));
    return {
      exit: gravest(functions.map(({ failure }) => (failure === undefined ? 0 : exitCodeOf(failure)))),
      document: { functions },
      blocks: functions.flatMap(({ name, failure }) =>
        failure === undefined ? [factLine([name, 'removed'], { width: widest })] : describeFailureOf(name, failure),
      ),
    };
  },
});

/** How long a function may still be listed after its removal was accepted, in milliseconds: its containers finish what they do. */
const removalBound = 60_000;

/** faas-netes accepts a removal and lists the function for some seconds more; "removed" is said when it is gone. */
async function waitUntilGone(
  gateway: Gateway,
  name: string,
  namespace: string | undefined,
  { report, signal }: Context,
): Promise<void> {
  const end = systemClock.now() + removalBound;
  while ((await gateway.read(name, namespace, signal)) !== undefined) {
    if (systemClock.now() > end)
      return report({ type: 'warning', about: name, text: 'the gateway accepted the removal and still lists it' });
    report({ type: 'progress', about: name, text: 'being removed' });
    await systemClock.sleep(250, signal);
  }
  report({ type: 'ended', about: name });
}
