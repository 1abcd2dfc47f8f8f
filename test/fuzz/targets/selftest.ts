import fc from 'fast-check';
import { UserError } from '../../../cli/errors.ts';
import { fateAtOnce } from '../fate.ts';
import { defineTarget } from '../target.ts';

/** Fails on purpose, each way in its turn: a harness that finds nothing here finds nothing anywhere. What it does is the first letter of BANTAM_FUZZ_SELFTEST. */
export const selftest = defineTarget<number>({
  name: 'selftest',
  inputs: fc.nat({ max: 1000 }),
  async attempt(input) {
    const way = process.env['BANTAM_FUZZ_SELFTEST'] ?? '';
    if (input < 500) throwSoft(input);
    if (way === 'throw') throw new TypeError('this is no UserError');
    if (way === 'stray') void Promise.reject(new TypeError('nobody waits for this'));
    if (way === 'hang') for (;;) Math.sqrt(2);
    if (way === 'wait') await new Promise(() => setInterval(() => {}, 1000));
    if (way === 'memory') {
      const kept: Buffer[] = [];
      for (let megabytes = 0; megabytes < 4000; megabytes += 10) {
        kept.push(Buffer.alloc(10 << 20, 1));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return `kept ${kept.length}`;
    }
    if (way === 'message') return fateAtOnce(() => throwSoft(undefined));
    return 'accepted';
  },
});

function throwSoft(input: number | undefined): void {
  if (input === undefined) throw new UserError('BAN-E001', `it is ${String(input)}`);
}
