import { TextDecoder } from 'node:util';
import * as v from 'valibot';
import { hideTexts } from './hidden-texts.ts';

/** What one line of `docker buildx build --progress=rawjson` (stderr) says. BuildKit's `client.SolveStatus`, as JSON. */
export interface BuildProgress {
  /** Steps that started, finished, came from the cache or failed. */
  readonly steps: readonly BuildStep[];
  /** Output of steps as it came in pieces; `step` is the id of the step, `stream` 1 or 2. */
  readonly logs: readonly { readonly step: string; readonly stream: number; readonly bytes: Uint8Array }[];
}

/** One step (vertex) of a build and its latest state. */
export interface BuildStep {
  readonly id: string;
  readonly name: string;
  readonly state: 'started' | 'done' | 'cached' | 'failed';
  readonly error?: string;
}

const lineSchema = v.object({
  vertexes: v.nullish(
    v.array(
      v.object({
        digest: v.string(),
        name: v.optional(v.string(), ''),
        started: v.nullish(v.string()),
        completed: v.nullish(v.string()),
        cached: v.nullish(v.boolean()),
        error: v.optional(v.string(), ''),
      }),
    ),
  ),
  logs: v.nullish(
    v.array(v.object({ vertex: v.string(), stream: v.optional(v.number(), 1), data: v.optional(v.string(), '') })),
  ),
});

/** Decodes one line; `undefined` for what is no progress (the plain text of a final error). */
export function readProgress(line: string): BuildProgress | undefined {
  if (!line.startsWith('{')) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined; // A line cut off by the end of the process.
  }
  const parsed = v.safeParse(lineSchema, json);
  if (!parsed.success) return undefined;
  return {
    steps: (parsed.output.vertexes ?? []).flatMap((vertex): BuildStep[] => {
      const base = { id: vertex.digest, name: vertex.name };
      if (vertex.error !== '') return [{ ...base, state: 'failed' as const, error: vertex.error }];
      if (vertex.cached === true) return [{ ...base, state: 'cached' }];
      if (vertex.completed) return [{ ...base, state: 'done' }];
      return vertex.started ? [{ ...base, state: 'started' }] : [];
    }),
    logs: (parsed.output.logs ?? []).map((log) => ({
      step: log.vertex,
      stream: log.stream,
      bytes: Buffer.from(log.data, 'base64'),
    })),
  };
}

/** What a build announces while it runs; `about` is added by the builder. */
export type BuildEvent =
  | { readonly type: 'progress'; readonly text: string; readonly minor: true }
  | { readonly type: 'log'; readonly text: string; readonly stream: 'stderr' };

const keptOutput = 64 * 1024;

/** A line of output that does not end is shown in pieces of this many characters. */
const longestLine = 16 * 1024;

/** What is kept back of such a line: a secret may have come in part. */
const longestKept = 4 * 1024;

/**
 * Follows the lines of one build: announces steps and output, and keeps what explains a failure (64 KiB per step at most). Of the texts
 * that it is given (the values of secrets) it announces and keeps none.
 */
export class BuildLog {
  /** Lines that were no JSON: what docker and buildx say themselves. */
  plain = '';
  readonly #names = new Map<string, string>();
  readonly #outputs = new Map<string, string>();
  readonly #errors = new Map<string, string>();
  /** By name: platforms that share a step have one each under the same name. */
  readonly #announced = new Set<string>();
  /** Per step and stream: pieces end anywhere, in the middle of a character too, or of a secret. `rest`: the line that has not ended. */
  readonly #streams = new Map<string, { readonly step: string; readonly decoder: TextDecoder; rest: string }>();
  readonly #hidden: readonly string[];

  /** `hidden`: the texts that are not to be shown. */
  constructor(hidden: readonly string[] = []) {
    this.#hidden = hidden;
  }

  /** Takes one line of stderr and returns what is worth announcing. */
  read(line: string): readonly BuildEvent[] {
    const progress = readProgress(line);
    if (progress === undefined) {
      if (line.trim() !== '') this.plain = `${this.plain}${this.#shown(line)}\n`.slice(-keptOutput);
      return [];
    }
    const events: BuildEvent[] = [];
    for (const step of progress.steps) {
      if (step.name !== '') this.#names.set(step.id, this.#shown(step.name));
      if (step.state === 'failed') this.#errors.set(step.id, this.#shown(step.error ?? ''));
      if (step.state === 'started' && !this.#announced.has(step.name) && !step.name.startsWith('[internal]')) {
        this.#announced.add(step.name);
        events.push({
          type: 'progress',
          text: this.#shown(step.name)
            .replace(/--mount=\S+\s+/g, '')
            .replace(/\s+/g, ' '),
          minor: true,
        });
      }
    }
    for (const { step, stream, bytes } of progress.logs) {
      const key = `${step} ${stream}`;
      const state = this.#streams.get(key) ?? { step, decoder: new TextDecoder(), rest: '' };
      this.#streams.set(key, state);
      const text = state.decoder.decode(bytes, { stream: true });
      this.#outputs.set(step, `${this.#outputs.get(step) ?? ''}${text}`.slice(-keptOutput));
      const lines = `${state.rest}${text}`.split('\n');
      state.rest = lines.pop() ?? '';
      if (state.rest.length > longestLine) lines.push(state.rest.slice(0, -longestKept));
      if (state.rest.length > longestLine) state.rest = state.rest.slice(-longestKept);
      events.push(...lines.flatMap((part) => this.#logged(part)));
    }
    for (const { id, state } of progress.steps) if (state !== 'started') events.push(...this.#endStreams(id));
    return events;
  }

  /** The last lines of a step, which nothing ended. */
  #endStreams(step: string): readonly BuildEvent[] {
    return [...this.#streams.values()].flatMap((stream) => {
      if (stream.step !== step) return [];
      const { rest } = stream;
      stream.rest = '';
      return this.#logged(rest);
    });
  }

  #logged(line: string): readonly BuildEvent[] {
    return line.trim() === '' ? [] : [{ type: 'log', text: this.#shown(line), stream: 'stderr' }];
  }

  #shown(text: string): string {
    return hideTexts(text, this.#hidden);
  }

  /** The steps that failed on their own; those that were only cancelled because of them are left out. */
  failed(): readonly { readonly name: string; readonly error: string; readonly output: string }[] {
    const all = [...this.#errors].map(([id, error]) => ({
      name: this.#names.get(id) ?? '',
      error,
      output: this.#shown(this.#outputs.get(id) ?? ''),
    }));
    const real = all.filter(({ error }) => !/context canceled|CANCELED/i.test(error));
    return real.length > 0 ? real : all;
  }
}
