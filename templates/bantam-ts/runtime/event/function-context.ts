/** `callback` of a handler: an error, or the value to answer with. */
export type Callback = (error: unknown, value?: unknown) => void;

/** What a handler of the official templates gets as its second argument. Its fields are used by handlers, too. */
export class FunctionContext {
  statusCode: unknown = 200;
  headerValues: unknown = {};
  cb: Callback;
  /** How often succeed and fail were called: after that, what the handler returns is not an answer. */
  cbCalled = 0;

  constructor(cb: Callback) {
    this.cb = cb;
  }

  /** Sets the status of the answer; without an argument, returns it. */
  status(statusCode?: unknown): unknown {
    if (!statusCode) return this.statusCode;
    this.statusCode = statusCode;
    return this;
  }

  /** Sets the headers of the answer, all of them; without an argument, returns them. */
  headers(values?: unknown): unknown {
    if (!values) return this.headerValues;
    this.headerValues = values;
    return this;
  }

  /** Answers with a value. */
  succeed(value?: unknown): void {
    this.cbCalled += 1;
    this.cb(undefined, value);
  }

  /** Answers with an error: status 500 unless another one was set. */
  fail(error?: unknown): void {
    if (isUntouched(this.statusCode)) this.statusCode = 500;
    this.cbCalled += 1;
    this.cb(error);
  }
}

/** Whether a status is the one that every call begins with. */
export function isUntouched(status: unknown): boolean {
  return Number(status) === 200;
}
