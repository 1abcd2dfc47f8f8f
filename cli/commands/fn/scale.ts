import { defineCommand } from '../../command.ts';
import { UserError } from '../../errors.ts';
import { factLine } from '../describe-outcome.ts';
import { requireAccepted } from '../judge.ts';

/** `bantam fn scale`: asks for a number of replicas. */
export const scale = defineCommand({
  arguments: [
    { name: '<name>', description: 'the function' },
    { name: '<replicas>', description: 'how many' },
  ],
  options: {},
  examples: ['bantam fn scale hello 2'],
  async run(input, context) {
    const [name = '', count = ''] = input.names;
    if (!/^\d{1,4}$/.test(count))
      throw new UserError('BAN-E001', `"${count}" is no number of replicas`, { hint: `bantam fn scale ${name} 2` });
    const { gateway, dialect, describe } = await context.gateway();
    context.report({ type: 'target', text: describe });
    const namespace = await context.namespaceOf(name);
    const answer = await gateway.scale(name, Number(count), namespace, context.signal);
    requireAccepted(dialect.judgeScale(answer), { name, gateway: gateway.url, request: 'scaling' });
    const status = await gateway.read(name, namespace, context.signal);
    const replicas = status?.replicas ?? 0;
    // Community Edition takes 0 as 1 and more than 5 as 5; faasd runs one whatever is asked.
    if (replicas !== Number(count))
      context.report({ type: 'warning', about: name, text: `${count} asked for, the gateway says ${replicas}` });
    return {
      document: { name, asked: Number(count), replicas },
      blocks: [factLine([name, `${replicas} replica${replicas === 1 ? '' : 's'}`])],
    };
  },
});
