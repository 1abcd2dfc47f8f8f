import { Interrupted, UserError } from '../../errors.ts';
import { type Decision, type Dialect, httpError, type ImageQuestion, type Reply } from '../dialect/dialect.ts';
import { pause } from '../replicas/pause.ts';
import type { DesiredFunction, FunctionState, PreparedImage, Provider } from '../replicas/provider.ts';
import { ChangeLines, type Place } from './change-lines.ts';

/** How long a change may take where it is answered only when it is done, in milliseconds: a large image over a slow line, and a function that drains. */
const patience = 15 * 60_000;

/** Between two looks whether a function answers, in milliseconds. */
const interval = 20;

/** A change that has been judged: of which function, as it was then, and under which mark it is made. */
export interface Change {
  readonly name: string;
  readonly existing: FunctionState | undefined;
  readonly generation: string;
  readonly judgement: Decision | ImageQuestion;
}

/** What became of bringing an image. */
interface Brought {
  readonly image?: PreparedImage;
  readonly problem?: UserError;
}

/** Carries out what a dialect decides, and answers when the dialect wants it answered. */
export class FunctionChanges {
  readonly #provider: Provider;
  readonly #dialect: Dialect;
  readonly #closing: AbortSignal;
  readonly #lines = new ChangeLines();

  constructor(provider: Provider, dialect: Dialect, closing: AbortSignal) {
    this.#provider = provider;
    this.#dialect = dialect;
    this.#closing = closing;
  }

  /**
   * Judges and makes one change. Where changes are answered when they are done, those of one function wait for each other, but not for each other's
   * images: who corrects a mistake does not wait for it. One that is overtaken by a later one is given up. A client that leaves stops nothing.
   */
  async make(name: string, judge: () => Promise<Change>): Promise<Reply> {
    if (!this.#dialect.answersWhenDone) return this.#answer(name, (signal) => this.#makeNow(judge, signal));
    const place = this.#lines.enter(name);
    const work = async (signal: AbortSignal): Promise<Reply> => {
      // Only the image: what the function is like is looked at when the turn has come.
      const { judgement } = await judge();
      const brought = 'prepare' in judgement ? await this.#bring(judgement, signal) : undefined;
      return await place.inTurn(() => this.#makeNow(judge, signal, { place, brought }));
    };
    return this.#answer(name, work, place).finally(() => place.leave());
  }

  /** Judges and makes a removal. It waits for no other change; those that have not begun by then are given up. */
  async makeRemoval(name: string, judge: () => Promise<Change>): Promise<Reply> {
    if (!this.#dialect.answersWhenDone) return this.make(name, judge);
    const place = this.#lines.enter(name);
    place.overtake();
    const work = (signal: AbortSignal): Promise<Reply> => place.now(() => this.#makeNow(judge, signal));
    return this.#answer(name, work).finally(() => place.leave());
  }

  async #answer(name: string, work: (signal: AbortSignal) => Promise<Reply>, place?: Place): Promise<Reply> {
    const ends = [this.#closing, AbortSignal.timeout(patience), ...(place === undefined ? [] : [place.overtaken])];
    try {
      return await work(AbortSignal.any(ends));
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (this.#closing.aborted) return httpError(503, 'the local gateway is stopping');
      return place?.overtaken.aborted === true
        ? httpError(500, `${name} was changed by a later request, so that this one was given up`)
        : httpError(504, `${name} was not there after ${patience / 60_000} minutes`);
    }
  }

  async #makeNow(
    judge: () => Promise<Change>,
    signal: AbortSignal,
    { place, brought }: { readonly place?: Place; readonly brought?: Brought | undefined } = {},
  ): Promise<Reply> {
    for (let found = brought; ; ) {
      const { judgement, ...change } = await judge();
      if (signal.aborted) throw new Interrupted();
      if ('prepare' in judgement && found === undefined) {
        // What it waited for has made it possible after all. Judged once more, since that takes time.
        found = await this.#bring(judgement, signal);
        continue;
      }
      const decision = 'prepare' in judgement ? judgement.decide(found?.problem) : judgement;
      if (decision.apply !== undefined || decision.remove === true) place?.overtake();
      return this.#act(change, decision, found?.image, signal);
    }
  }

  async #bring({ prepare }: ImageQuestion, signal: AbortSignal): Promise<Brought> {
    try {
      return { image: await this.#provider.prepare(prepare, signal) };
    } catch (error) {
      if (error instanceof UserError) return { problem: error };
      throw error;
    }
  }

  async #act(
    { name, existing, generation }: Omit<Change, 'judgement'>,
    { reply, apply, remove }: Decision,
    image: PreparedImage | undefined,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { answersWhenDone, strategy, updateCreatesAnew } = this.#dialect;
    if (remove === true) {
      const removed = this.#provider.remove(name);
      // Where it is answered before it is gone, the function is listed until then, and the provider reports what fails.
      if (answersWhenDone) await removed;
    }
    if (apply === undefined) return reply;
    const desired: DesiredFunction = {
      name,
      generation,
      createdAt: existing === undefined || updateCreatesAnew ? new Date().toISOString() : existing.createdAt,
      ...apply,
      strategy,
      ...(image === undefined ? {} : { imageEnvironment: image.environment }),
    };
    this.#provider.apply(desired);
    if (!answersWhenDone) return reply;
    await this.#provider.settled(name, generation, signal);
    await this.#untilFirstAnswer(name, signal);
    return reply;
  }

  async #untilFirstAnswer(name: string, signal: AbortSignal): Promise<void> {
    const end = performance.now() + this.#dialect.firstAnswer;
    while (performance.now() < end && !signal.aborted) {
      const state = this.#provider.find(name);
      if (state === undefined || state.removing || state.availableReplicas > 0 || state.faults.length > 0) return;
      await pause(interval, signal);
    }
  }
}
