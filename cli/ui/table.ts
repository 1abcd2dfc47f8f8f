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

/** Formats rows as aligned columns (a terminal) or tab-separated values without a header (a pipe). No columns named: no header. */
export async function formatTable(
  table: { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] },
  aligned: boolean,
): Promise<string> {
  if (!aligned) return table.rows.map((row) => row.map((cell) => cell.replace(/[\t\n]/g, ' ')).join('\t')).join('\n');
  const { default: Table } = await import('cli-table3');
  const drawn = new Table({
    head: table.columns.map((column) => column.toUpperCase()),
    chars: { ...Object.fromEntries(invisible.map((name) => [name, ''])), middle: '   ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...table.rows.map((row) => [...row]));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
