import { type Answer, type Block, defineCommand } from '../../command.ts';
import { askPageLink } from '../../local/page/ask-link.ts';
import { askStatus, requireRunning } from '../../local/running-gateway.ts';
import type { LocalStatus } from '../../local/state/local-status.ts';
import { formatBytes } from '../describe-outcome.ts';
import { projectState } from './project-state.ts';

/** `bantam local status`: how the local gateway of this project is, what runs in it, and what is not as in a cluster. Exit code 1 if none runs. */
export const status = defineCommand({
  options: {},
  examples: ['bantam local status', 'bantam local status --json'],
  async run(_input, context): Promise<Answer> {
    const stateFolder = await projectState(context);
    const record = await requireRunning(stateFolder);
    const found = await askStatus(record, context.signal);
    const { url, user: username, registry = '', page = '' } = record;
    const link = context.interactive ? await askPageLink(record, context.signal) : undefined;
    if (link !== undefined)
      context.report({ type: 'note', text: `the page without a password, once, within half an hour: ${link}` });
    return {
      document: { url, username, page, ...found, registry: { address: registry, ...found.registry } },
      blocks: describe(found, { url, username, registry, page }, context.now()),
    };
  },
});

function describe(
  status: LocalStatus,
  {
    url,
    username,
    registry,
    page,
  }: { readonly url: string; readonly username: string; readonly registry: string; readonly page: string },
  now: Date,
): Block[] {
  const { dialect, provider, pid, startedAt, queue, functions, limitations } = status;
  const { repositories, bytes, quotaBytes } = status.registry;
  const quota = quotaBytes === undefined ? '' : ` of ${formatBytes(quotaBytes)}`;
  const line = (text: string): Block => ({ kind: 'line', text });
  return [
    line(`local (${dialect} dialect, ${provider} provider) at ${url}, user ${username}`),
    line(`  up for ${duration(now.getTime() - Date.parse(startedAt))}, process ${pid}`),
    line(`  page      ${page}`),
    line(
      `  registry  ${registry}   ${repositories === 1 ? 'one repository' : `${repositories} repositories`}, ${formatBytes(bytes)}${quota}`,
    ),
    line(
      `  queue     ${queue.waiting} waiting, ${queue.running} of them under way, ${queue.callbacks} callbacks to deliver`,
    ),
    ...(functions.length === 0 ? [line('no functions: bantam fn deploy')] : [tableOf(functions)]),
    ...functions.flatMap(({ name, faults }) =>
      faults.map(({ instance, reason }) => line(`✗ ${name}   ${instance}: ${reason}`)),
    ),
    ...(limitations.length === 0
      ? []
      : [line('not as in a cluster:'), ...limitations.map((text) => line(`  ${text}`))]),
  ];
}

function tableOf(functions: LocalStatus['functions']): Block {
  return {
    kind: 'table',
    columns: ['NAME', 'REVISION', 'REPLICAS', 'MEMORY', 'PORTS', 'QUEUED', 'NEXT CALL'],
    rows: functions.map((each) => {
      const { name, revision = '', replicas, availableReplicas, removing, queued, schedule, replicaStates } = each;
      const memory = replicaStates.reduce((sum, { memoryBytes = 0 }) => sum + memoryBytes, 0);
      const ports = replicaStates.flatMap(({ address }) => (address === undefined ? [] : [new URL(address).port]));
      return [
        name,
        revision.slice(0, 8),
        removing ? 'removing' : `${availableReplicas}/${replicas}`,
        memory === 0 ? '' : formatBytes(memory),
        ports.join(' '),
        String(queued),
        schedule === undefined ? '' : (schedule.next ?? 'never'),
      ];
    }),
  };
}

function duration(milliseconds: number): string {
  // A clock that was set meanwhile must not make it negative.
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const parts = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const [days = 0, hours = 0, minutes = 0, rest = 0] = parts;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`;
}
