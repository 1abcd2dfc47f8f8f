import { skip } from '../../real-parts.ts';
import { describeContract } from './describe-contract.ts';
import { findWatchdog, openWatchdog, whyNoWatchdog } from './targets.ts';

const defaults = 'a value that makes no sense: it takes its default without a word, or panics';
const nameless = 'it says neither call id nor start time nor who answers; only how long a call took';
const whole = 'it answers only when it has the handler’s whole answer; ours streams both ways';
const twoProcesses = 'it is ready when its own port is open, whatever the process behind it does; calls fail meanwhile';
const handsOn = 'it hands the signal on at once: the handler is gone while calls are still accepted';

/** What of-watchdog 0.9.15 (mode=http) does otherwise, and docs/runtime.md promises of ours. */
const deviations: Readonly<Record<string, string>> = {
  'refuses a port that makes no sense, by name': defaults,
  'refuses a read_timeout that makes no sense, by name': defaults,
  'refuses a write_timeout that makes no sense, by name': defaults,
  'refuses a exec_timeout that makes no sense, by name': defaults,
  'refuses a healthcheck_interval that makes no sense, by name': defaults,
  'refuses a max_inflight that makes no sense, by name': defaults,
  'refuses a prefix_logs that makes no sense, by name': defaults,
  'refuses a log_buffer_size that makes no sense, by name': defaults,
  'answers 429 to calls beyond max_inflight, and on ready meanwhile': whole,
  'frees the place of a caller that has left': whole,
  'ends a call at exec_timeout: 504, and the handler hears of it': nameless,
  'ends the connection at exec_timeout where the answer has begun': whole,
  'ends the connection at write_timeout': whole,
  'answers 408 at read_timeout where the body does not come': 'it answers 504',
  'ends the connection at read_timeout where the answer has begun': whole,
  'says who answers, on health and on ready': nameless,
  'keeps the call id of the caller and makes one in place of a strange one, on health': nameless,
  'keeps the call id of the caller and makes one in place of a strange one, for the handler': nameless,
  'keeps the start time of the caller and says its own in place of a strange one': nameless,
  'says who answers on every answer of the handler': nameless,
  'never passes on the identity of another function': nameless,
  'hands the trailers of a request to the handler': 'it drops trailers',
  'hands the trailers of the handler to the caller': 'it drops trailers',
  'streams both ways: the answer begins before the request has ended': whole,
  'answers pipelined requests in their order': nameless,
  'answers pipelined calls of the handler in their order, a slow one first': nameless,
  'refuses headers of 64 KB with 431 and lives': 'it takes up to 1 MB',
  'answers a request to upgrade to HTTP/2 in HTTP/1.1': nameless,
  'answers health and ready, GET and HEAD': 'it answers 405 to HEAD',
  'lets nobody keep a copy of health or ready': 'it does not say no-store',
  'asks the handler for /_/ready where ready_path says so': 'it hands on the status of ready_path as it is',
  'ends with 1, its reason and 503 for waiting calls where the handler cannot be loaded': twoProcesses,
  'opens its port before the handler is loaded: health 503, but 200 after 4 s; ready 503; calls wait and succeed':
    twoProcesses,
  'lets 1000 calls wait for the handler and answers 503 to one more': twoProcesses,
  'spins for 8 s while it is imported: health 200 from the fifth second, then it serves': twoProcesses,
  'drains while the handler still loads: waiting calls are answered, then it ends': twoProcesses,
  'drains on SIGTERM: not ready at once, alive, still accepting, finishes what is in flight, ends with 0': whole,
  'drains on SIGINT: not ready at once, alive, still accepting, finishes what is in flight, ends with 0': whole,
  'accepts calls for all of healthcheck_interval, 3 s unless told otherwise': 'it takes write_timeout: 30 s',
  'loses no call of clients that keep their connections, before, during and after the window': handsOn,
  'finishes a call that comes at the end of the window': handsOn,
  'throws: 500, one line, lives': nameless,
  'throws something that is no error: 500, one line, lives': nameless,
  'throws after its answer has begun: the connection ends, one line, lives': whole,
  'hears that its caller has left; the call ends, the process lives': whole,
  'writes its own lines to stderr, and none for a call unless asked to': 'it writes one for each call',
  'writes a line longer than log_buffer_size in several, none of it lost, and goes on': 'it stops to log',
  'says how many calls are in flight': whole,
};

describeContract('the contract of a replica, the real of-watchdog', {
  concurrency: 1, // it cannot be told another port for its metrics
  deviations,
  async open(context) {
    const file = findWatchdog();
    const reason = await whyNoWatchdog(file);
    if (file === undefined || reason !== undefined) skip(context, reason ?? 'no of-watchdog');
    return openWatchdog(file);
  },
});
