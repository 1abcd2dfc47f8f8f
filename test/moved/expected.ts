import { isDeepStrictEqual } from 'node:util';
import type { Answer, Call } from './answer.ts';
import type { Recording } from './recording.ts';

/**
 * How our answer differs from the recorded one, in a line; undefined where it does not, or only as the call says. `template`:
 * what `node_template` says, if anything.
 */
export function difference(call: Call, recording: Recording, got: Answer, template?: string): string | undefined {
  const recorded = recording.answers[call.title];
  if (recorded === undefined) return `${call.title}: not recorded (npm run record:moved)`;
  const wanted = withDifferences(call, recorded, got, template);
  const parts = (['status', 'headers', 'body'] as const).filter((part) => !isDeepStrictEqual(got[part], wanted[part]));
  if (parts.length === 0) return undefined;
  const told = parts.map((part) => `${part} ${show(got[part])} in place of ${show(wanted[part])}`);
  return `${call.title}: ${told.join('; ')}`;
}

function withDifferences({ differs }: Call, recorded: Answer, got: Answer, template: string | undefined): Answer {
  if (differs === undefined || (differs.unlessTemplate !== undefined && differs.unlessTemplate === template))
    return recorded;
  const { status = recorded.status, body } = differs;
  if (body === undefined) return { ...recorded, status };
  // Another body has another length, type and tag.
  return { status, headers: got.headers, body: body.test(got.body) ? got.body : String(body) };
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}
