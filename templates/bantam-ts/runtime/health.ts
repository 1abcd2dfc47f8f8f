import { type Call, currentCall } from './call.ts';
import { CallContext } from './call-context.ts';
import type { Answer } from './http-messages.ts';
import type { Phase, Replica } from './replica.ts';

/** faas-netes kills for ever what has not said 200 within some 6 s: after this many seconds we say it, loaded or not. */
export const longestUnhealthy = 4;
/** Milliseconds that the handler has for `ready_path`; a kubelet waits for one second unless told otherwise. */
const longestAnswer = 5000;

/** What `/_/health` or `/_/ready` says. */
export interface Report {
  readonly status: 200 | 429 | 503;
  readonly text: string;
}

const fine: Report = { status: 200, text: 'OK' };
const loading: Report = { status: 503, text: 'the handler is still being loaded' };

/** Whether the process is to live. `uptime` in seconds. */
export function reportHealth(phase: Phase, uptime: number): Report {
  return phase === 'starting' && uptime < longestUnhealthy ? loading : fine;
}

/** Whether calls are to come. */
export function reportReadiness(phase: Phase, isFull: boolean): Report {
  if (phase === 'starting') return loading;
  if (phase === 'draining') return { status: 503, text: 'draining: no new calls, please' };
  return isFull ? { status: 429, text: 'max_inflight calls are in flight' } : fine;
}

/** Answers `/_/health` and `/_/ready`; false: the request is for something else. None of the user's code runs, but for `ready_path`. */
export function answerHealth(replica: Replica, call: Call): boolean {
  const { answer, path, method } = call;
  if (path !== '/_/health' && path !== '/_/ready') return false;
  if (method !== 'GET' && method !== 'HEAD') {
    answer.writeHead(405, { Allow: 'GET, HEAD', 'Content-Length': 0 }).end();
  } else if (path === '/_/health') {
    send(answer, reportHealth(replica.phase, process.uptime()));
  } else {
    const report = reportReadiness(replica.phase, replica.isFull);
    if (report.status !== 200 || replica.settings.readyPath === undefined) send(answer, report);
    else
      void currentCall
        .run(call, askHandler, replica, call, replica.settings.readyPath)
        .then((asked) => send(answer, asked));
  }
  return true;
}

/** `ready_path`: any 2xx of the handler will do, if it comes soon. */
async function askHandler({ handler, settings, log }: Replica, call: Call, path: string): Promise<Report> {
  if (handler === undefined) return loading;
  const late = setTimeout(() => call.abort(new Error(`${path} takes too long`)), longestAnswer);
  try {
    const tooLate = new Promise<undefined>((resolve) => {
      call.signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    const context = new CallContext(call, log, settings.secretFolder);
    const response = await Promise.race([handler(new Request(`http://localhost${path}`), context), tooLate]);
    const status: unknown = typeof response === 'object' && response !== null && Reflect.get(response, 'status');
    if (typeof status === 'number' && status >= 200 && status < 300) return fine;
    return { status: 503, text: `the handler answers ${path} with ${status || 'nothing'}` };
  } catch (error) {
    log.warn('ready_path failed', { call, error });
    return { status: 503, text: `the handler fails at ${path}` };
  } finally {
    clearTimeout(late);
  }
}

function send(answer: Answer, { status, text }: Report): void {
  answer.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    // It is about this replica and this moment: a copy kept on the way would prove nothing.
    'Cache-Control': 'no-store',
    'Content-Length': text.length + 1,
    ...(status === 429 && { 'Retry-After': '1' }),
  });
  answer.end(`${text}\n`);
}
