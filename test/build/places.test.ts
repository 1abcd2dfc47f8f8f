import assert from 'node:assert/strict';
import { placesIn } from '../../cli/build/places.ts';

describe('the places that a compiler names', () => {
  it('are those of the user’s own files, with their message', () => {
    assert.deepEqual(
      placesIn([
        'error: Expected ";" but found "}"',
        '/home/pi/my functions/hello/handler.ts:3:7: error: Expected ";" but found "}"',
        '/home/pi/hello/handler.go:12:3: undefined: x',
        './ping/handler.go:4: relative',
        '    3 │ }',
        'at run (/home/pi/hello/build.ts:9:1)',
        'http://127.0.0.1:8080/ is no place',
      ]),
      [
        { file: '/home/pi/my functions/hello/handler.ts', line: 3, column: 7, message: 'Expected ";" but found "}"' },
        { file: '/home/pi/hello/handler.go', line: 12, column: 3, message: 'undefined: x' },
        { file: '/home/pi/hello/build.ts', line: 9, column: 1, message: ')' },
      ],
    );
  });

  it('are at most forty', () => {
    assert.equal(placesIn(Array.from({ length: 60 }, (_, line) => `/a/b.ts:${line + 1}: no`)).length, 40);
  });
});
