/** A request whose body the handler never sees, and the status that says so. */
export class Refused extends Error {
  readonly status: 400 | 413 | 415;

  constructor(status: 400 | 413 | 415, message: string) {
    super(message);
    this.status = status;
  }
}
