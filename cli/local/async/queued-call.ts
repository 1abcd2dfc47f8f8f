import * as v from 'valibot';

/** A call that was accepted with 202 and is not over yet, as the store keeps it; its body is kept apart. */
export const queuedCallSchema = v.object({
  /** Counts accepted calls: they begin in this order, and it is the call's key in the store. */
  sequence: v.number(),
  /** `X-Call-Id`: the client's own, or a new one. */
  id: v.string(),
  /** The function's plain name; with its namespace where that is not this gateway's, which finds no such function then. */
  function: v.string(),
  method: v.string(),
  /** Size of the body. */
  bytes: v.number(),
  /** Path and query as the function sees them, byte for byte. */
  target: v.string(),
  /** Name, value, name, value …: what the function gets, in the order in which it came. */
  headers: v.array(v.string()),
  /** `X-Callback-Url`: where the answer is posted. */
  callback: v.optional(v.string()),
  /** Milliseconds since 1970. */
  acceptedAt: v.number(),
  /** How many tries have begun; written before each. */
  attempts: v.number(),
  /** Milliseconds since 1970 before which the next try does not begin. */
  dueAt: v.number(),
  /** `answered`: the function has answered and is not called again; only the callback is left. */
  state: v.picklist(['waiting', 'running', 'answered']),
});
export type QueuedCall = Readonly<v.InferOutput<typeof queuedCallSchema>>;

/** What a function answered, as its callback tells it; the body is kept apart. */
export const callAnswerSchema = v.object({
  status: v.number(),
  headers: v.array(v.string()),
  /** Seconds that the last try took. */
  duration: v.number(),
});
export type CallAnswer = Readonly<v.InferOutput<typeof callAnswerSchema>>;
