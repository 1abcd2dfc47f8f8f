import { Interrupted, UserError } from '../errors.ts';
import { readWhole } from './body.ts';
import { send } from './transport.ts';

/** How long a gateway may take to say that it is well, milliseconds. */
const patience = 5_000;

/** Why nothing like a gateway answers at an address; undefined if `GET /healthz` is answered with 200. No credentials are sent. Throws Interrupted. */
export async function describeSilence(url: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { status } = await readWhole(
      await send({ method: 'GET', url: `${url}/healthz` }, patience, signal),
      'GET /healthz',
    );
    return status === 200 ? undefined : `GET ${url}/healthz is answered with ${status}`;
  } catch (error) {
    if (error instanceof Interrupted || !(error instanceof UserError)) throw error;
    return error.message;
  }
}
