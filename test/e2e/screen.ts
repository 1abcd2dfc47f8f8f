const introducer = `${String.fromCharCode(27)}\\[`;
const token = new RegExp(`${introducer}(?<parameter>[?\\d;]*)(?<command>[A-Za-z])|(?<other>[\\s\\S])`, 'gu');

/**
 * What a terminal shows after this output: the few control sequences that log-update and a shell's line discipline use (cursor up, to a
 * column, erase line and below), enough to see whether live lines really go away. Unknown sequences fail, so that none is guessed.
 */
export function screenOf(output: string): string[] {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  const tokens = output.matchAll(token);
  for (const { groups = {} } of tokens) {
    const count = Number(groups['parameter'] || '1');
    switch (groups['command']) {
      case 'A':
        row = Math.max(0, row - count);
        break;
      case 'G':
        column = count - 1;
        break;
      case 'J':
        lines.splice(row + 1);
        lines[row] = (lines[row] ?? '').slice(0, column);
        break;
      case 'K':
        lines[row] = groups['parameter'] === '2' ? '' : (lines[row] ?? '').slice(0, column);
        break;
      case 'h': // Modes: cursor shown or hidden, synchronised output.
      case 'l':
      case 'm': // Colours.
        break;
      case undefined:
        write(groups['other'] ?? '');
        break;
      default:
        throw new Error(`an unknown control sequence: ${groups['parameter']}${groups['command']}`);
    }
  }
  return lines.map((line) => line.trimEnd());

  function write(character: string): void {
    if (character === '\n') row += 1;
    else if (character === '\r') column = 0;
    else {
      const line = (lines[row] ?? '').padEnd(column);
      lines[row] = line.slice(0, column) + character + line.slice(column + 1);
      column += 1;
    }
    lines[row] ??= '';
  }
}
