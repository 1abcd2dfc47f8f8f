import { defineCommand } from '../../command.ts';
import { UserError } from '../../errors.ts';
import { functionAddress } from '../../openfaas/address.ts';
import { scheduleOf } from '../../stack/schedule.ts';

/** `bantam fn describe`: everything the gateway tells about one function. */
export const describe = defineCommand({
  arguments: [{ name: '<name>', description: 'the function' }],
  options: {},
  examples: ['bantam fn describe hello', 'bantam fn describe hello --json'],
  async run(input, context) {
    const [name = ''] = input.names;
    const { gateway } = await context.gateway();
    const namespace = await context.namespaceOf(name);
    const status = await gateway.read(name, namespace, context.signal);
    const declared = (await context.stackIfAny())?.functions.find((each) => each.name === name);
    if (status === undefined) {
      const due = scheduleOf(declared?.annotations);
      throw new UserError(
        'BAN-E404',
        `${gateway.url} knows no function "${name}"${namespace === undefined ? '' : ` in the namespace ${namespace}`}`,
        {
          hint:
            declared === undefined
              ? 'bantam fn list shows what is there'
              : `the stack file declares it${due === undefined ? '' : ` with the schedule ${due}`}: bantam fn deploy ${name}`,
        },
      );
    }
    const schedule = scheduleOf(status.annotations);
    const url = functionAddress(gateway.url, { name, namespace });
    const { labels, annotations, envVars, ...rest } = status;
    const facts: [string, string][] = Object.entries(rest).flatMap(([key, value]): [string, string][] =>
      value === null || value === undefined
        ? []
        : [[key, typeof value === 'object' ? JSON.stringify(value) : String(value)]],
    );
    const rows = [
      ...facts,
      ...(schedule === undefined ? [] : [['schedule', schedule] as [string, string]]),
      ...Object.entries(envVars ?? {}).map(([key, value]): [string, string] => [`environment ${key}`, value]),
      ...Object.entries(labels ?? {}).map(([key, value]): [string, string] => [`label ${key}`, value]),
      ...Object.entries(annotations ?? {}).map(([key, value]): [string, string] => [`annotation ${key}`, value]),
      ['url', url] as [string, string],
    ];
    return {
      document: { function: status, url, ...(schedule === undefined ? {} : { schedule }) },
      blocks: [{ kind: 'table', columns: [], rows }],
    };
  },
});
