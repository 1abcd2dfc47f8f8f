import type { FunctionView, Sizes } from '../messages.ts';
import { conditionBadge, updateBadge } from './badge.ts';
import { element } from './element.ts';
import { formatAge, formatBytes, formatDate, formatMemory, memoryOf, restartsOf, visible } from './words.ts';

/** What is known of a function, as a list of terms. `sizes` undefined while they are being read; `gateway` is its address. */
export function factsOf(
  view: FunctionView,
  { sizes, now, gateway }: { readonly sizes: Sizes | undefined; readonly now: number; readonly gateway: string },
): HTMLDListElement {
  const memory = memoryOf(view);
  const limit = view.memoryLimit === undefined ? '' : `limit ${visible(view.memoryLimit)} a replica`;
  const rows: readonly (readonly [string, Node | string | undefined])[] = [
    ['Replicas', `${view.availableReplicas} of ${view.replicas} ready`],
    // Not a link: what a function answers would be a page of this origin.
    ['Address', code(`${gateway}/function/${view.name}`)],
    ['Image', code(view.image)],
    ['Revision', view.revision === undefined ? 'unknown: not deployed by bantam' : code(view.revision)],
    ['Deploy id', view.deploy === undefined ? undefined : code(view.deploy)],
    ['Size', sizeList(sizes)],
    [
      'Memory',
      memory === undefined ? limit || undefined : `${formatMemory(memory)}${limit === '' ? '' : `, ${limit}`}`,
    ],
    ['Processor', view.cpuLimit === undefined ? undefined : `at most ${visible(view.cpuLimit)}`],
    ['Restarts', String(restartsOf(view))],
    ['Waiting calls', view.queued === undefined ? undefined : String(view.queued)],
    ['Schedule', view.schedule === undefined ? undefined : code(view.schedule)],
    ['Created', ageOf(view.createdAt, now)],
  ];
  return element(
    'dl',
    { class: 'facts' },
    ...rows.flatMap(([term, value]) =>
      value === undefined ? [] : [element('div', {}, element('dt', {}, term), element('dd', {}, value))],
    ),
  );
}

/** The replicas of a function as a table; undefined if there are none. */
export function replicaTable(view: FunctionView, now: number): HTMLElement | undefined {
  if (view.replicaStates.length === 0) return undefined;
  const words = ['Replica', 'State'];
  const numbers = ['Memory', 'Restarts', 'Running for', 'Process'];
  const rows = view.replicaStates.map(({ instance, ready, memoryBytes, restarts, startedAt, pid }) => {
    const badge = conditionBadge();
    const faulty = view.faults.some((fault) => fault.instance === instance);
    updateBadge(badge, ready ? 'ready' : faulty ? 'failing' : view.condition === 'removing' ? 'removing' : 'starting');
    return element(
      'tr',
      {},
      element('th', { scope: 'row', class: 'code' }, visible(instance)),
      element('td', {}, badge),
      element('td', { class: 'number' }, memoryBytes === undefined ? '–' : formatMemory(memoryBytes)),
      element('td', { class: 'number' }, String(restarts)),
      element('td', { class: 'number' }, startedAt === undefined ? '–' : formatAge(now - Date.parse(startedAt))),
      element('td', { class: 'number' }, pid === undefined ? '–' : String(pid)),
    );
  });
  const table = element(
    'table',
    { class: 'replicas' },
    element('caption', { class: 'unseen' }, 'Replicas'),
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        ...words.map((text) => element('th', { scope: 'col' }, text)),
        ...numbers.map((text) => element('th', { scope: 'col', class: 'number' }, text)),
      ),
    ),
    element('tbody', {}, ...rows),
  );
  return element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Replicas' }, table);
}

function sizeList(sizes: Sizes | undefined): Node | string {
  if (sizes === undefined) return 'being read…';
  if (sizes.platforms.length === 0) return `unknown: ${visible(sizes.unknown ?? 'the image names no platform')}`;
  return element(
    'ul',
    { class: 'plain' },
    ...sizes.platforms.map(({ platform, bytes }) => element('li', {}, `${visible(platform)} ${formatBytes(bytes)}`)),
  );
}

function ageOf(time: string, now: number): string {
  const since = now - Date.parse(time);
  if (Number.isNaN(since)) return visible(time);
  const age = formatAge(since);
  return age === 'now' ? 'just now' : `${age} ago (${formatDate(time)})`;
}

function code(text: string): HTMLElement {
  return element('code', {}, visible(text));
}
