/** Characters of a long line that are shown around the first difference. */
const around = 60;

/**
 * The first place where two texts differ, with the line before it: where, what was expected there, what came, and a mark
 * below the first other character. It takes one pass, whatever the size.
 */
export function describeTextDifference(expected: string, got: string): readonly string[] {
  let index = 0;
  const end = Math.min(expected.length, got.length);
  while (index < end && expected[index] === got[index]) index += 1;
  // Never between the halves of a character beyond the basic plane.
  const half = expected.charCodeAt(index - 1);
  if (half >= 0xd800 && half < 0xdc00) index -= 1;
  const start = expected.lastIndexOf('\n', index - 1) + 1;
  const line = countLines(expected, start);
  const column = [...expected.slice(start, index)].length + 1;
  const from = Math.max(start, index - around);
  const lead = from > start ? '…' : '';
  const wanted = `${lead}${restOfLine(expected, from, index)}`;
  const came = `${lead}${restOfLine(got, from, index)}`;
  const before =
    start === 0 ? [] : [`             ${clip(expected.slice(expected.lastIndexOf('\n', start - 2) + 1, start - 1))}`];
  return [
    `they differ from line ${line}, column ${column} (expected ${expected.length} characters, got ${got.length})`,
    ...before,
    `  expected   ${wanted}`,
    `  got        ${came}`,
    `             ${' '.repeat([...`${lead}${visible(expected.slice(from, index))}`].length)}^`,
  ];
}

function countLines(text: string, end: number): number {
  let lines = 1;
  for (let index = text.indexOf('\n'); index >= 0 && index < end; index = text.indexOf('\n', index + 1)) lines += 1;
  return lines;
}

/** From a place to the end of its line, which is shown as `⏎`, or so many characters behind the difference. */
function restOfLine(text: string, from: number, index: number): string {
  const lineEnd = text.indexOf('\n', index);
  const end = Math.min(lineEnd < 0 ? text.length : lineEnd, index + around);
  const mark = end === text.length ? ' (end)' : lineEnd === end ? '⏎' : '…';
  return `${visible(text.slice(from, end))}${mark}`;
}

/** Signs that a terminal would obey, shown as what they are. */
function visible(text: string): string {
  return text
    .replaceAll('\t', '→')
    .replaceAll('\r', '␍')
    .replace(/[\p{Cc}\u2028\u2029]/gu, '�');
}

function clip(line: string): string {
  return visible(line.length > 2 * around ? `${line.slice(0, 2 * around)}…` : line);
}
