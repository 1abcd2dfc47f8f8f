import type { CallView, FunctionCondition, FunctionView, Hello, LogLineView, PageEvent } from '../messages.ts';

/** How many calls and log lines the page keeps; older ones are dropped. */
export const keptCalls = 200;
export const keptLines = 1000;

/** A log line with a number of its own, so that a list can go on where it was. */
export interface NumberedLine extends LogLineView {
  readonly number: number;
}

/** The lines of one function. `dropped` counts those that came and are kept no more. */
export interface LogModel {
  readonly function: string;
  readonly lines: readonly NumberedLine[];
  readonly dropped: number;
}

/** All that the page knows of its gateway. `restarted` once another run of the gateway answers than before. */
export interface Model {
  readonly hello: Hello | undefined;
  readonly restarted: boolean;
  readonly functions: ReadonlyMap<string, FunctionView>;
  /** Whether the functions have been told at all. */
  readonly loaded: boolean;
  /** Oldest first. */
  readonly calls: readonly CallView[];
  readonly running: number;
  readonly log: LogModel;
}

export const emptyModel: Model = {
  hello: undefined,
  restarted: false,
  functions: new Map(),
  loaded: false,
  calls: [],
  running: 0,
  log: { function: '', lines: [], dropped: 0 },
};

/** The model after an event of the gateway. Pure; parts that an event does not touch stay the same objects. */
export function applyEvent(model: Model, event: PageEvent): Model {
  switch (event.type) {
    case 'hello': {
      const restarted = model.hello !== undefined && model.hello.run !== event.run;
      // Each connection tells the calls from the start; those of another run have the same numbers.
      return { ...model, hello: event, restarted: model.restarted || restarted, calls: restarted ? [] : model.calls };
    }
    case 'functions':
      return { ...model, loaded: true, functions: applyFunctions(model.functions, event) };
    case 'calls': {
      const known = new Set(model.calls.map(({ sequence }) => sequence));
      const fresh = event.calls.filter(({ sequence }) => !known.has(sequence));
      return { ...model, running: event.running, calls: [...model.calls, ...fresh].slice(-keptCalls) };
    }
    case 'logs':
      return event.function === model.log.function ? { ...model, log: applyLines(model.log, event) } : model;
    case 'alive':
      return model;
  }
}

/** The model when the page turns to another function's log, or reads the same one anew (empty name: none). */
export function openLog(model: Model, name: string): Model {
  return { ...model, log: { function: name, lines: [], dropped: 0 } };
}

function applyFunctions(
  known: ReadonlyMap<string, FunctionView>,
  { whole, changed, removed }: Extract<PageEvent, { type: 'functions' }>,
): ReadonlyMap<string, FunctionView> {
  const functions = new Map(whole ? [] : known);
  for (const view of changed) functions.set(view.name, view);
  for (const name of removed) functions.delete(name);
  return functions;
}

function applyLines(log: LogModel, { lines, skipped }: Extract<PageEvent, { type: 'logs' }>): LogModel {
  const next = log.dropped + log.lines.length + skipped;
  const numbered = lines.map((line, index) => ({ ...line, number: next + index }));
  // Numbers stay one behind the other; lines that were skipped count as dropped.
  const all = [...log.lines, ...numbered];
  const kept = all.slice(-keptLines);
  return { ...log, lines: kept, dropped: log.dropped + skipped + all.length - kept.length };
}

/** How many functions are in each condition. */
export function countConditions(functions: Iterable<FunctionView>): ReadonlyMap<FunctionCondition, number> {
  const counts = new Map<FunctionCondition, number>();
  for (const { condition } of functions) counts.set(condition, (counts.get(condition) ?? 0) + 1);
  return counts;
}

/** One page of a list: functions whose name or image holds `words` (all of them), in one condition or any; by name. */
export function choosePage(
  functions: Iterable<FunctionView>,
  { words, condition, page, size }: ListChoice,
): { readonly shown: readonly FunctionView[]; readonly found: number; readonly page: number; readonly pages: number } {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...functions]
    .filter((view) => condition === undefined || view.condition === condition)
    .filter(({ name, image }) => wanted.every((word) => `${name} ${image}`.toLowerCase().includes(word)))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const pages = Math.max(1, Math.ceil(found.length / size));
  const at = Math.min(Math.max(0, page), pages - 1);
  return { shown: found.slice(at * size, (at + 1) * size), found: found.length, page: at, pages };
}

/** What of the list is wanted; `page` counts from 0. */
export interface ListChoice {
  readonly words: string;
  readonly condition: FunctionCondition | undefined;
  readonly page: number;
  readonly size: number;
}

/** Lines that hold `words` (upper and lower case alike) in text or replica. */
export function chooseLines(lines: readonly NumberedLine[], words: string): readonly NumberedLine[] {
  const wanted = words.trim().toLowerCase();
  if (wanted === '') return lines;
  return lines.filter(({ text, instance }) => `${instance} ${text}`.toLowerCase().includes(wanted));
}
