import * as v from 'valibot';
import { type CallAnswer, callAnswerSchema, type QueuedCall, queuedCallSchema } from '../async/queued-call.ts';
import type { Level } from './level.ts';

/** Queued calls on the disk: `call!N` the call, `body!N` what it sends, `answer!N` and `result!N` what came back and is to be posted. */
export class CallRecords {
  readonly #level: Level;

  constructor(level: Level) {
    this.#level = level;
  }

  /** All that are not over, oldest first; what cannot be read (another version's) is left out and named. */
  async list(): Promise<{ readonly calls: readonly QueuedCall[]; readonly unreadable: number }> {
    const read = (await this.#level.entries('call!')).map(([, value]) => decode(queuedCallSchema, value));
    const calls = read.filter((call) => call !== undefined);
    return { calls, unreadable: read.length - calls.length };
  }

  /** Keeps a new call: when this resolves, it may be answered with 202. */
  async accept(call: QueuedCall, body: Uint8Array): Promise<void> {
    await this.#level.write([put('call', call), { type: 'put', key: key('body', call.sequence), value: body }]);
  }

  /** Keeps a change of state: a try that begins, or one that is to come. */
  async update(call: QueuedCall): Promise<void> {
    await this.#level.write([put('call', call)]);
  }

  /** Keeps the function's answer until its callback has it; from here on the function is not called again. */
  async answered(call: QueuedCall, answer: CallAnswer, result: Uint8Array): Promise<void> {
    await this.#level.write([
      put('call', call),
      { type: 'put', key: key('answer', call.sequence), value: encode(answer) },
      { type: 'put', key: key('result', call.sequence), value: result },
      { type: 'del', key: key('body', call.sequence) },
    ]);
  }

  async body({ sequence }: QueuedCall): Promise<Uint8Array> {
    return (await this.#level.get(key('body', sequence))) ?? new Uint8Array();
  }

  /** What is to be posted to the callback of an `answered` call. */
  async answer({ sequence }: QueuedCall): Promise<{ answer: CallAnswer; result: Uint8Array } | undefined> {
    const [answer, result] = await Promise.all([
      this.#level.get(key('answer', sequence)),
      this.#level.get(key('result', sequence)),
    ]);
    const decoded = answer === undefined ? undefined : decode(callAnswerSchema, answer);
    return decoded === undefined ? undefined : { answer: decoded, result: result ?? new Uint8Array() };
  }

  /** Forgets a call that is over. */
  async remove({ sequence }: QueuedCall): Promise<void> {
    const kinds = ['call', 'body', 'answer', 'result'] as const;
    await this.#level.write(kinds.map((kind) => ({ type: 'del', key: key(kind, sequence) })));
  }
}

function put(kind: 'call', call: QueuedCall): { type: 'put'; key: string; value: Uint8Array } {
  return { type: 'put', key: key(kind, call.sequence), value: encode(call) };
}

/** Sixteen digits, so that the order of keys is that of numbers. */
function key(kind: 'call' | 'body' | 'answer' | 'result', sequence: number): string {
  return `${kind}!${String(sequence).padStart(16, '0')}`;
}

function encode(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function decode<T>(schema: v.GenericSchema<unknown, T>, bytes: Buffer): T | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), bytes.toString('utf8'));
  return parsed.success ? parsed.output : undefined;
}
