import assert from 'node:assert/strict';
import { bundle, makeContext, removeTemporaryFolders } from '../build-context.ts';
import { endReplicas, type ReplicaProcess, startReplica } from '../replica-process.ts';
import { type EventCase, eventCases } from './cases.ts';
import { exchange } from './exchange.ts';
import { differenceOf, type Recording, readRecording, requireAnswer } from './recording.ts';

const environment = { GREETING: 'from the environment' };

/** Cases that one process can answer: their environment is all they have in common. */
const cases = eventCases.filter(({ environment: own = {} }) => Object.keys(own).every((name) => name === 'GREETING'));

/** One handler of all of them: which one is asked for is in a header. */
function makeFunction(all: readonly EventCase[]): Record<string, string> {
  const files = Object.fromEntries(all.map(({ handler }, position) => [`cases/${position}.js`, handler]));
  const handlers = all.map((_, position) => `require('./cases/${position}.js')`).join(',\n');
  return {
    ...files,
    'package.json': '{}',
    'handler.js': `const handlers = [${handlers}];
module.exports = (event, context, callback) => {
  const handle = handlers[Number(event.headers['x-case'])];
  return handle(event, context, callback);
};
`,
  };
}

describe('a function of the official Node templates in the runtime', function () {
  this.timeout(60_000);
  let recording: Recording;
  let replica: ReplicaProcess;
  before(async () => {
    recording = await readRecording('node20');
    const built = await bundle(await makeContext('bantam-ts', makeFunction(cases)));
    assert.deepEqual([built.code, built.output], [0, '']);
    replica = await startReplica(built.root, 'ts', environment);
  });
  after(async () => {
    await endReplicas();
    await removeTemporaryFolders();
  });

  for (const [position, { name, request }] of cases.entries()) {
    const difference = differenceOf(name, 'node20');
    it(`answers: ${name}`, async () => {
      const headers = { ...request?.headers, 'X-Case': String(position) };
      const answer = await exchange(Number(new URL(replica.url).port), { ...request, headers });
      if (difference !== undefined && answer !== 'no answer') {
        // The runtime's own words take the place of what the adapter leaves to it.
        assert.equal(answer.status, difference.status);
        return;
      }
      requireAnswer(answer, recording, name);
    });
  }
});
