/** A gateway's queue as a process of its own, for killed-queue.test.ts: its folder and the function's address on the command line, its port on standard output. */
import { join } from 'node:path';
import { openAsyncCalls } from '../../../cli/local/async/async-calls.ts';
import { faasNetes } from '../../../cli/local/dialect/faas-netes.ts';
import { CallActivity } from '../../../cli/local/gateway/activity.ts';
import { createFunctionCaller } from '../../../cli/local/gateway/function-call.ts';
import { connectReplicas } from '../../../cli/local/gateway/gateway.ts';
import { listen } from '../../../cli/local/gateway/listen.ts';
import { openLocalStore } from '../../../cli/local/state/store.ts';
import { ScriptedProvider } from '../scripted-provider.ts';

const [folder = '', address = ''] = process.argv.slice(2);
const store = await openLocalStore(join(folder, 'store'));
const provider = new ScriptedProvider();
const annotations = { 'com.openfaas.retry.min_wait': '5ms', 'com.openfaas.retry.max_wait': '20ms' };
const deployment = { service: 'hello', image: 'x', annotations };
provider.apply({ name: 'hello', generation: '0011223344556677', createdAt: 'then', deployment, replicas: 1 });
provider.addresses.set('hello', [address]);
const activity = new CallActivity();
const connections = connectReplicas(provider);
const calls = openAsyncCalls({
  records: store.calls,
  provider,
  dialect: faasNetes,
  callFunction: createFunctionCaller({ dialect: faasNetes, connections, activity, answerBound: 10_000 }),
  mayCallBack: () => true,
  report: () => undefined,
  callbackWait: 5,
});
const { port } = await listen('127.0.0.1', 0, calls.request);
await calls.resume();
process.stdout.write(`${port}\n`);
