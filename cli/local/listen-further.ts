import { UserError } from '../errors.ts';
import type { Report } from '../events.ts';
import type { Front } from './gateway/front.ts';
import { type Listener, listen } from './gateway/listen.ts';
import { isWildcard } from './own-addresses.ts';

/** The port that functions expect the gateway on, by the convention `http://gateway.openfaas:8080`. */
const customaryPort = 8080;

/** Where a gateway is to be reached besides loopback. */
export interface Further {
  readonly front: Front;
  readonly port: number;
  /** The address that `--listen` names. */
  readonly listen?: string | undefined;
  /** This machine's address on the network of its containers. */
  readonly bridgeAddress: string | undefined;
  readonly report: Report;
}

/** Opens a gateway's further listeners: on the address that is asked for, and on the bridge its own port and the customary one where that is free. */
export async function listenFurther({
  front,
  port,
  listen: address,
  bridgeAddress,
  report,
}: Further): Promise<Listener[]> {
  const opened: Listener[] = [];
  const everywhere = address !== undefined && isWildcard(address);
  try {
    if (address !== undefined && !everywhere && !address.startsWith('127.'))
      opened.push(await listen(address, port, front));
    if (bridgeAddress === undefined) return opened;
    if (!everywhere) opened.push(await listen(bridgeAddress, port, front));
    if (port !== customaryPort) opened.push(...(await listenCustomary(bridgeAddress, port, front, report)));
    return opened;
  } catch (error) {
    for (const listener of opened) await listener.close();
    throw error;
  }
}

async function listenCustomary(address: string, port: number, front: Front, report: Report): Promise<Listener[]> {
  try {
    return [await listen(address, customaryPort, front)];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    report({
      type: 'trace',
      text: `functions reach the gateway at http://gateway.openfaas:${port} only: ${error.message}`,
    });
    return [];
  }
}
