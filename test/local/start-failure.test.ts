import assert from 'node:assert/strict';
import { explainEnding } from '../../cli/local/docker/start-failure.ts';

const state = { id: 'x', running: false, exitCode: 0, outOfMemory: false, error: '' };
const known = { subject: 'hello', lines: [], platform: undefined, enginePlatform: 'linux/amd64' };

describe('why a container ended', () => {
  const cases: readonly [string, Parameters<typeof explainEnding>[0], RegExp, RegExp | undefined][] = [
    [
      'its own exit',
      { ...known, state: { ...state, exitCode: 3 }, lines: ['no config'] },
      /^hello exited \(exit code 3\)$/,
      undefined,
    ],
    ['a silent exit', { ...known, state }, /exited \(exit code 0\) without a word/, undefined],
    [
      'a signal',
      { ...known, state: { ...state, exitCode: 139 } },
      /was ended by signal 11 \(exit code 139\)/,
      undefined,
    ],
    [
      'memory',
      { ...known, state: { ...state, exitCode: 137, outOfMemory: true } },
      /more memory than its limit/,
      /limits\.memory/,
    ],
    [
      'the engine',
      { ...known, state: { ...state, error: 'no such device' } },
      /could not be started: no such device/,
      undefined,
    ],
    [
      'missing emulation',
      { ...known, platform: 'linux/arm64', state: { ...state, exitCode: 255 }, lines: ['exec /fn: exec format error'] },
      /is for linux\/arm64 and this engine \(linux\/amd64\) cannot run it/,
      /qemu-user-static/,
    ],
    [
      'a wrong program in an image that names the right platform',
      { ...known, state: { ...state, exitCode: 1, platform: 'linux/amd64' }, lines: ['exec /fn: exec format error'] },
      /another processor than the linux\/amd64 its image names/,
      /build the image again/,
    ],
  ];
  for (const [what, ending, message, hint] of cases) {
    it(`is ${what}`, () => {
      const error = explainEnding(ending);
      assert.equal(error.code, 'BAN-E602');
      assert.match(error.message, message);
      if (hint === undefined) assert.equal(error.hint, undefined);
      else assert.match(error.hint ?? '', hint);
      assert.deepEqual(error.details, ending.lines);
    });
  }
});
