const invisible = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right',
  'left',
  'left-mid',
  'mid',
  'mid-mid',
  'right',
  'right-mid',
];

/** Between two columns. */
const middle = '   ';
/** Narrower than this no column gets: what is left of a word is no word. A last column that is a text stays a bit wider. */
const narrowest = 8;
const narrowestText = 24;

/** Rows of cells below the names of their columns; `wrapLast`: the last column is a text, and gives way first. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly wrapLast?: true;
}

/**
 * Formats rows as aligned columns for a terminal of `width` characters, or as tab-separated values without a header for a pipe. No columns named: no
 * header. What does not fit is wrapped within its column, widest first; nothing is cut off. A column in which nothing stands
 * is left out on a terminal; in a pipe it keeps its place. Characters that would move the cursor are blanks.
 */
export async function formatTable(table: Table, aligned: boolean, width = 80): Promise<string> {
  const clean = table.rows.map((row) => row.map((cell) => cell.replace(/\p{Cc}/gu, ' ')));
  if (!aligned) return clean.map((row) => row.join('\t')).join('\n');
  const filled = (_: string, column: number): boolean => clean.length === 0 || clean.some((row) => row[column] !== '');
  const rows = clean.map((row) => row.filter(filled));
  const [{ default: CliTable }, { default: stringWidth }] = await Promise.all([
    import('cli-table3'),
    import('string-width'),
  ]);
  const head = table.columns.filter(filled).map((column) => column.toUpperCase());
  const cells = [head, ...rows];
  const natural = Array.from({ length: Math.max(...cells.map((row) => row.length)) }, (_, column) =>
    Math.max(...cells.map((row) => stringWidth(row[column] ?? ''))),
  );
  const widths = fitColumns(natural, width, table.wrapLast === true);
  const drawn = new CliTable({
    head,
    chars: { ...Object.fromEntries(invisible.map((name) => [name, ''])), middle },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...rows.map((row) => row.map((cell, column) => wrapCell(cell, widths[column] ?? 0, stringWidth))));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The text on lines of at most `width`: broken between words, or within one that is wider than that. What it is indented by stays. */
function wrapCell(text: string, width: number, widthOf: (text: string) => number): string {
  if (widthOf(text) <= width) return text;
  const lines: string[] = [];
  let line = '';
  for (const [piece] of text.matchAll(/^\s+|\s*\S+/g)) {
    if (line !== '' && widthOf(line + piece) > width) {
      lines.push(line);
      line = '';
    }
    const fresh = line === '' && lines.length > 0 ? piece.trimStart() : piece;
    for (const { segment } of graphemes.segment(fresh)) {
      if (line !== '' && widthOf(line + segment) > width) {
        lines.push(line);
        line = '';
      }
      line += segment;
    }
  }
  return [...lines, line].join('\n');
}

const graphemes = new Intl.Segmenter();

/** Widths that fit into a line, if they can: the text first, then the widest column, as far as they may shrink. */
export function fitColumns(natural: readonly number[], width: number, textLast: boolean): readonly number[] {
  const widths = [...natural];
  const last = widths.length - 1;
  let excess = widths.reduce((sum, each) => sum + each, 0) + middle.length * last - width;
  if (textLast) excess -= shrink(widths, last, excess, narrowestText);
  while (excess > 0) {
    const [widest = 0, second = 0] = [...widths].sort((left, right) => right - left);
    const shrunk = shrink(widths, widths.indexOf(widest), Math.min(excess, Math.max(1, widest - second)), narrowest);
    if (shrunk === 0) break;
    excess -= shrunk;
  }
  return widths;
}

/** Takes from a column what it has to give; returns how much that was. */
function shrink(widths: number[], column: number, wanted: number, least: number): number {
  const current = widths[column] ?? 0;
  const taken = Math.max(0, Math.min(wanted, current - least));
  widths[column] = current - taken;
  return taken;
}
