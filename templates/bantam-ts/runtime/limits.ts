import type { Call } from './call.ts';
import type { Replica } from './replica.ts';

/** Says no to a request whose head is not as HTTP/1.1 wants it: true if it did. Node leaves it to us, so that we say who answers. */
export function refuseHead(call: Call): boolean {
  const { headers, httpVersion } = call.incoming;
  if (httpVersion !== '1.1') return false;
  if (headers.host === undefined) {
    call.refuse(400, 'a request in HTTP/1.1 has to name its Host');
    return true;
  }
  if (headers.expect === undefined || /(?:^|\W)100-continue(?:$|\W)/i.test(headers.expect)) return false;
  call.refuse(417, 'nothing but 100-continue can be expected');
  return true;
}

/** Tells a caller that waits with its body to go on. */
export function askForBody({ incoming, answer }: Call): void {
  if (incoming.headers.expect !== undefined && incoming.httpVersion === '1.1') answer.writeContinue();
}

/** Says no to a call before its handler is asked: true if it did. */
export function refuseAtOnce(replica: Replica, call: Call): boolean {
  const { maxBodySize } = replica.settings;
  if (replica.isFull) {
    call.refuse(429, `${replica.settings.maxInflight} calls are in flight already: more are not taken`);
    return true;
  }
  if (maxBodySize === 0) return false;
  const length = call.incoming.headers['content-length'];
  if (length === undefined) {
    if (call.incoming.headers['transfer-encoding'] === undefined) return false;
    call.incoming.bodyLimit = maxBodySize;
    call.incoming.onTooLarge = () => {
      call.refuse(413, tooLarge(maxBodySize));
      call.abort(new RangeError(tooLarge(maxBodySize)));
    };
    return false;
  }
  if (Number(length) <= maxBodySize) return false;
  call.refuse(413, tooLarge(maxBodySize));
  return true;
}

function tooLarge(limit: number): string {
  return `the body of the request is larger than ${limit} bytes`;
}

/** Ends a call that takes too long. No timer is made where there is no limit. */
export function limitTime({ settings: { execTimeout, writeTimeout }, log }: Replica, call: Call): void {
  if (execTimeout > 0) {
    within(call, execTimeout, () => {
      if (call.endless) return;
      log.warn('took longer than exec_timeout', { call });
      call.refuse(504, `no answer within exec_timeout, ${execTimeout / 1000} s`);
      call.abort(new DOMException(`exec_timeout: ${execTimeout / 1000} s are over`, 'TimeoutError'));
    });
  }
  if (writeTimeout > 0)
    within(call, writeTimeout, () => call.answer.statusCode !== 101 && call.incoming.socket.destroy());
}

function within(call: Call, limit: number, end: () => unknown): void {
  const timer = setTimeout(end, limit);
  call.answer.once('close', () => clearTimeout(timer));
}
