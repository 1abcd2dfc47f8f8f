import assert from 'node:assert/strict';
import { join } from 'node:path';
import { contractCases } from '../../cli/replica/contract/cases.ts';
import { openProcessTarget } from '../../cli/replica/contract/process-target.ts';
import { runContract } from '../../cli/replica/contract/run-contract.ts';
import { skip } from '../real-parts.ts';
import { describeContract } from '../replica/contract/describe-contract.ts';
import { buildForGo, buildForNode } from '../replica/contract/targets.ts';
import { bundle, hasGo, makeContext, removeTemporaryFolders } from './build-context.ts';

after(removeTemporaryFolders);

describeContract('the contract of a replica, bantam-ts', { open: () => buildForNode() });

describeContract('the contract of a replica, bantam-go', {
  open(context) {
    if (!hasGo) skip(context, 'no Go compiler on PATH');
    return buildForGo();
  },
});

describe('the contract of any function', () => {
  it('is kept by the sample of the template, whose handler is not called for it', async function () {
    this.timeout(120_000);
    const { code, output, root } = await bundle(await makeContext('bantam-ts'));
    assert.equal(code, 0, output);
    const target = openProcessTarget({
      runtime: 'bantam-ts',
      file: process.execPath,
      arguments: ['--max-semi-space-size=4', '--enable-source-maps', join(root, 'app/function.mjs')],
    });
    const outcomes = await runContract(target, { cases: contractCases, signal: new AbortController().signal });
    const wrong = outcomes.filter(({ verdict }) => verdict === 'failed' || verdict === 'unknown');
    assert.deepEqual(wrong, []);
    assert.ok(outcomes.filter(({ verdict }) => verdict === 'passed').length > 25);
  });
});
