import type { FunctionCondition, FunctionView } from '../messages.ts';

/** Controls, line ends, halves of characters, direction marks, and what has no width; not the joiners that emoji and some scripts need. */
const unseen =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00AD\u061C\u180E\u200B\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu;

/**
 * A text that came from a function or a deployment, made visible: what cannot be seen, ends lines or turns their direction is shown as its number
 * (`⟨U+202E⟩`), so that no text looks like another. With `lines`, line ends and tabs stay.
 */
export function visible(text: string, { lines = false }: { readonly lines?: boolean } = {}): string {
  return text.replaceAll(unseen, (character) => {
    if (lines && (character === '\n' || character === '\t')) return character;
    const code = character.codePointAt(0) ?? 0;
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

const escapeCharacter = String.fromCodePoint(0x1b);
/** Colours and cursor movements of terminals (ECMA-48, CSI). */
const terminalSequence = new RegExp(`${escapeCharacter}\\[[0-9;:?]*[ -/]*[@-~]`, 'g');

/** A log line as text: terminal colours are left out, everything else is {@link visible}. */
export function visibleLine(text: string): string {
  return visible(text.replaceAll(terminalSequence, '').replaceAll('\t', '    '));
}

/** `1.2 MB`: of 1000, as registries and Docker count sizes. */
export function formatBytes(bytes: number): string {
  return inSteps(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);
}

/** `34.5 MiB`: of 1024, as limits of memory are written. */
export function formatMemory(bytes: number): string {
  return inSteps(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
}

function inSteps(bytes: number, step: number, units: readonly string[]): string {
  let value = bytes;
  let unit = 0;
  while (unit < units.length - 1 && (unit === 0 ? value >= step : Math.round(value) >= step)) {
    value /= step;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}

/** `0.4 ms`, `12 ms`, `3.2 s`, `2 min 5 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 0.05) return '<0.1 ms';
  if (milliseconds < 9.95) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.round(minutes / 1440)} days`;
}

/** How long ago something was, in one or two words. */
export function formatAge(milliseconds: number): string {
  if (milliseconds < 5000) return 'now';
  if (milliseconds < 60_000) return `${Math.round(milliseconds / 1000)} s`;
  if (milliseconds < 3_600_000) return `${Math.floor(milliseconds / 60_000)} min`;
  if (milliseconds < 172_800_000) return `${Math.floor(milliseconds / 3_600_000)} h`;
  return `${Math.floor(milliseconds / 86_400_000)} days`;
}

/** `14:05:09` in the reader's time zone, `14:05:09.123` with `fraction`; the text itself if it is no time. */
export function formatTime(time: string | number, fraction = false): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return visible(String(time));
  const two = (value: number): string => String(value).padStart(2, '0');
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return fraction ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text;
}

/** `2026-01-02 14:05` in the reader's time zone; the text itself if it is no time. */
export function formatDate(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return visible(time);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0'));
  return `${day.join('-')} ${formatTime(time).slice(0, 5)}`;
}

/** `12,345` */
export function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** What a condition is called on the page. */
export const conditionWords: Readonly<Record<FunctionCondition, string>> = {
  ready: 'Ready',
  starting: 'Starting',
  failing: 'Failing',
  removing: 'Removing',
  stopped: 'Scaled to zero',
};

/** The newest reason why a function does not answer, on one line; empty if there is none. */
export function reasonOf({ faults }: FunctionView): string {
  return visible(faults.at(-1)?.reason ?? '');
}

/** All memory of a function's replicas in bytes; undefined where none is measured. */
export function memoryOf({ replicaStates }: FunctionView): number | undefined {
  const known = replicaStates.flatMap(({ memoryBytes }) => (memoryBytes === undefined ? [] : [memoryBytes]));
  return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0);
}

/** How often the replicas that there are were started again. */
export function restartsOf({ replicaStates }: FunctionView): number {
  return replicaStates.reduce((sum, { restarts }) => sum + restarts, 0);
}
