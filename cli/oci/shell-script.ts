/**
 * The last command of a shell script, if it is a simple one outside of any block: entrypoint scripts end with what they start, usually `exec "$@"`.
 * Words as they stand, quotes around whole words taken off. Undefined: it is beyond us.
 */
export function lastCommand(script: string): readonly string[] | undefined {
  // A here-document may look like commands.
  if (/<</.test(script)) return undefined;
  const lines = script
    .replaceAll(/\\\r?\n/g, ' ')
    .split('\n')
    .slice(1)
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
  const words = simpleCommand(lines.at(-1) ?? '');
  // Copied, since a part of a string keeps all of it in memory, and a layer may hold thousands of scripts.
  return words?.map((word) => Buffer.from(word).toString());
}

/** The words of a simple command: assignments and `exec` in front taken off; undefined if the shell would do more with it than start it. */
export function simpleCommand(command: string): readonly string[] | undefined {
  if (/[;&|`(){}<>\n\\]/.test(command) || command.length > 255) return undefined;
  const words = [...command.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)];
  const between = command.replaceAll(/"[^"]*"|'[^']*'|[^\s"']+/g, '');
  if (between.trim() !== '') return undefined;
  const parts = words.map(([, double, single, bare]) => double ?? single ?? bare ?? '');
  while (/^(?:exec|[A-Za-z_]\w*=\S*)$/.test(parts[0] ?? '')) parts.shift();
  const [first = ''] = parts;
  if (first === '$@') return parts;
  return /^[\w./+-]+$/.test(first) && !keywords.has(first) ? parts : undefined;
}

/** What cannot be a program, or ends a block whose content was not followed. */
const keywords = new Set([
  'fi',
  'done',
  'esac',
  'if',
  'for',
  'while',
  'case',
  'until',
  'then',
  'else',
  'do',
  'exit',
  'return',
  'eval',
  'source',
  '.',
  'wait',
  'set',
  'export',
  'cd',
  'trap',
]);
