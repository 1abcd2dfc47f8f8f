import { defineCommand } from '../../command.ts';
import { UserError } from '../../errors.ts';

/** `bantam fn describe`: everything the gateway tells about one function. */
export const describe = defineCommand({
  arguments: [{ name: '<name>', description: 'the function' }],
  options: {},
  examples: ['bantam fn describe hello', 'bantam fn describe hello --json'],
  async run(input, context) {
    const [name = ''] = input.names;
    const { gateway } = await context.gateway();
    const status = await gateway.read(name, input.globals.namespace, context.signal);
    if (status === undefined)
      throw new UserError('BAN-E404', `${gateway.url} knows no function "${name}"`, {
        hint: 'bantam fn list shows what is there',
      });
    const { labels, annotations, envVars, ...rest } = status;
    const facts: [string, string][] = Object.entries(rest).flatMap(([key, value]): [string, string][] =>
      value === null || value === undefined
        ? []
        : [[key, typeof value === 'object' ? JSON.stringify(value) : String(value)]],
    );
    const rows = [
      ...facts,
      ...Object.entries(envVars ?? {}).map(([key, value]): [string, string] => [`environment ${key}`, value]),
      ...Object.entries(labels ?? {}).map(([key, value]): [string, string] => [`label ${key}`, value]),
      ...Object.entries(annotations ?? {}).map(([key, value]): [string, string] => [`annotation ${key}`, value]),
      ['url', `${gateway.url}/function/${name}`] as [string, string],
    ];
    return {
      document: { function: status, url: `${gateway.url}/function/${name}` },
      blocks: [{ kind: 'table', columns: [], rows }],
    };
  },
});
