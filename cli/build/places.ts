import { isAbsolute } from 'node:path';
import type { Place } from '../errors.ts';

const mostPlaces = 40;

/**
 * The places that lines of a compiler name: `/project/hello/handler.ts:3:7: error: …`, as esbuild, tsc and the Go compiler write them. Only
 * absolute paths count: those of the user's own files, after the build's paths were turned to them.
 */
export function placesIn(lines: readonly string[]): readonly Place[] {
  return lines
    .flatMap((text): Place[] => {
      const match = /(?:^|[\s"'(])(\/[^:"'()]+):(\d+)(?::(\d+))?:?\s*(.*)$/.exec(text);
      const [, file = '', line, column, message = ''] = match ?? [];
      if (match === null || !isAbsolute(file)) return [];
      const place = { file, line: Number(line), message: message.replace(/^(?:error|ERROR):\s*/, '') || text.trim() };
      return [column === undefined ? place : { ...place, column: Number(column) }];
    })
    .slice(0, mostPlaces);
}
