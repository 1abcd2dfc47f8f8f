import type { CallActivity } from './activity.ts';

/** How often each function was called, by its plain name. */
export type InvocationCount = (name: string) => number;

/** Counts the calls that are over, of functions that there are: what the real gateway asks Prometheus for. */
export function countInvocations(activity: CallActivity): InvocationCount {
  const counts = new Map<string, number>();
  activity.events.on('finished', (call) => {
    if (call.known) counts.set(call.function, (counts.get(call.function) ?? 0) + 1);
  });
  return (name) => counts.get(name) ?? 0;
}
