import { defineCommand } from '../../command.ts';
import { exitCodes } from '../../errors.ts';
import { clearEarlier } from '../../local/clear-earlier.ts';
import { askStatus, stopProcess } from '../../local/running-gateway.ts';
import { isAlive, readInstance } from '../../local/state/instance-file.ts';
import { projectState } from './project-state.ts';
import { listSome } from './up-facts.ts';

/** How long a gateway may take to stop by itself, in milliseconds: calls under way and functions get five seconds each. */
const patience = 30_000;

/** `bantam local down`: stops the local gateway of this project, wherever it was started, and ends what a killed one left running. */
export const down = defineCommand({
  options: {},
  examples: ['bantam local down', 'bantam local down --json'],
  async run(_input, context) {
    const { report, signal } = context;
    const stateFolder = await projectState(context);
    const record = await readInstance(stateFolder);
    const lives = record !== undefined && isAlive(record);
    // For the sentence only: one that hangs is stopped all the same.
    const status = lives ? await askStatus(record, signal).catch(() => undefined) : undefined;
    const functions = status?.functions.map(({ name }) => name) ?? [];
    if (lives) report({ type: 'target', text: `local at ${record.url} (process ${record.pid})` });
    if (lives) report({ type: 'progress', about: 'local', text: 'stopping' });
    const ended = lives ? await stopProcess(record, { patience }, signal) : undefined;
    report({ type: 'ended', about: 'local' });
    if (ended === 'killed')
      report({
        type: 'warning',
        text: `it did not stop within ${patience / 1000} s and was killed`,
        hint: 'bantam local up brings its functions back',
      });
    const left = await clearEarlier({ stateFolder, engine: () => context.engine(), report });
    const replicas = left.processes + left.containers;
    const document = {
      stopped: ended !== undefined,
      ...(record === undefined ? {} : { url: record.url, pid: record.pid }),
      killed: ended === 'killed',
      functions,
      ended: replicas,
    };
    if (record === undefined && replicas === 0)
      return {
        exit: exitCodes.done,
        document,
        blocks: [{ kind: 'line', text: `no local gateway runs for this project (${stateFolder})` }],
      };
    const stopped =
      ended === undefined
        ? 'no local gateway ran any more'
        : `stopped the local gateway at ${record?.url} (process ${record?.pid})`;
    const lines = [
      stopped,
      ...(functions.length === 0
        ? []
        : [`its functions stop with it, and bantam local up brings them back: ${listSome(functions)}`]),
      ...(replicas === 0
        ? []
        : [`ended ${replicas === 1 ? 'one replica' : `${replicas} replicas`} that a killed one had left`]),
    ];
    return { document, blocks: lines.map((text) => ({ kind: 'line' as const, text })) };
  },
});
