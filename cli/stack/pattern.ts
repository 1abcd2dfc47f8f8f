/** A pattern that matches nothing, whatever the text: faas-cli leaves the text as it is. */
export class NoPattern {
  readonly message: string;
  readonly hint: string;

  constructor(message: string, hint: string) {
    this.message = message;
    this.hint = hint;
  }
}

/**
 * Removes the shortest or longest beginning of `text` that `pattern` matches: `*` any text, `?` any character, `[a-z]` and
 * `[^a-z]` one of some, `\` takes a character's meaning away (Go's path.Match without its rule about `/`). Nothing is
 * removed that is empty: as in faas-cli, and unlike in a shell, `#*` takes one character away.
 */
export function trimPrefix(text: string, pattern: string, which: 'shortest' | 'longest'): string | NoPattern {
  const steps = readPattern([...pattern]);
  if (steps === undefined)
    return new NoPattern(
      `the pattern ${pattern} matches nothing`,
      'a class is [a-z] or [^a-z]; \\ stands before a character',
    );
  if (steps.length > mostSteps) return tooLong(steps.length);
  const letters = [...text];
  return letters.slice(matched(letters, steps, which)).join('');
}

/** The same for the end. As faas-cli turns text and pattern around and matches the beginning, classes and `\` do not work here. */
export function trimSuffix(text: string, pattern: string, which: 'shortest' | 'longest'): string | NoPattern {
  const steps = readPattern([...pattern].reverse());
  if (steps === undefined)
    return new NoPattern(
      `the pattern ${pattern} matches nothing behind %`,
      '[…] and \\ work only behind # and ##, in faas-cli too; * and ? work here',
    );
  if (steps.length > mostSteps) return tooLong(steps.length);
  const letters = [...text].reverse();
  return letters
    .slice(matched(letters, steps, which))
    .reverse()
    .join('');
}

type Step = '*' | ((letter: string) => boolean);

/** Every letter is compared with every step at most once, so this bounds the time. */
const mostSteps = 200;

function tooLong(steps: number): NoPattern {
  return new NoPattern(`the pattern has ${steps} characters, and at most ${mostSteps} are read`, 'shorten it');
}

/** The steps of a pattern; undefined if it is malformed. */
function readPattern(pattern: readonly string[]): readonly Step[] | undefined {
  const steps: Step[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const letter = pattern[at];
    if (letter === '*') {
      if (steps.at(-1) !== '*') steps.push('*');
    } else if (letter === '?') steps.push(() => true);
    else if (letter === '[') {
      const read = readClass(pattern, at + 1);
      if (read === undefined) return undefined;
      steps.push(read.step);
      at = read.last;
    } else {
      if (letter === '\\') at += 1;
      const wanted = pattern[at];
      if (wanted === undefined) return undefined;
      steps.push((candidate) => candidate === wanted);
    }
  }
  return steps;
}

/** A class whose first character is at `at`; `last` is the place of its closing bracket. */
function readClass(pattern: readonly string[], at: number): { step: Step; last: number } | undefined {
  const negated = pattern[at] === '^';
  let place = negated ? at + 1 : at;
  const ranges: { low: number; high: number }[] = [];
  const character = (): number | undefined => {
    if (pattern[place] === '-' || pattern[place] === ']') return undefined;
    if (pattern[place] === '\\') place += 1;
    const found = pattern[place]?.codePointAt(0);
    place += 1;
    return found;
  };
  while (pattern[place] !== ']' || ranges.length === 0) {
    const low = character();
    if (low === undefined) return undefined;
    let high: number | undefined = low;
    if (pattern[place] === '-') {
      place += 1;
      high = character();
    }
    if (high === undefined) return undefined;
    ranges.push({ low, high });
  }
  const step = (letter: string): boolean => {
    const code = letter.codePointAt(0) ?? 0;
    return ranges.some(({ low, high }) => low <= code && code <= high) !== negated;
  };
  return { step, last: place };
}

/** How many letters at the beginning match; 0 for none. All ways to match are followed at once. */
function matched(letters: readonly string[], steps: readonly Step[], which: 'shortest' | 'longest'): number {
  let found = 0;
  // The steps that may come next; a star may also be passed over.
  let states = reach(new Set([0]), steps);
  for (const [index, letter] of letters.entries()) {
    const next = new Set<number>();
    for (const state of states) {
      const step = steps[state];
      if (step === '*') next.add(state);
      else if (step?.(letter) === true) next.add(state + 1);
    }
    if (next.size === 0) return found;
    states = reach(next, steps);
    if (!states.has(steps.length)) continue;
    found = index + 1;
    if (which === 'shortest') return found;
  }
  return found;
}

function reach(states: Set<number>, steps: readonly Step[]): Set<number> {
  for (const state of states) if (steps[state] === '*') states.add(state + 1);
  return states;
}
