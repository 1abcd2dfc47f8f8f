import { guardingHeaders } from './assets.ts';

/** Why a request of the page is not answered as asked: a status and a sentence that the page shows. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A JSON answer of the page's API; nothing keeps it. */
export function sendJson(value: unknown, status = 200): Response {
  const headers = { ...guardingHeaders, 'Cache-Control': 'no-store', 'Content-Type': 'application/json' };
  return new Response(JSON.stringify(value), { status, headers });
}
