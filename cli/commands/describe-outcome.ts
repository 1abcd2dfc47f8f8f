import type { BuildOutcome } from '../build/builder.ts';
import type { Block } from '../command.ts';
import type { Failure } from '../errors.ts';
import { formatPlatform } from '../oci/platform.ts';

/**
 * One line of facts, the first of them a name: apart by blanks on a terminal (the name as wide as `width`), tab-separated in
 * a pipe. With `of` it stands indented below that name on a terminal, and begins with it in a pipe.
 */
export function factLine(
  facts: readonly string[],
  place: { readonly width?: number; readonly of?: string } = {},
): Block {
  const { width = 0, of } = place;
  if (of !== undefined)
    return { kind: 'line', text: `    ${facts.join('   ')}`, cells: [of, ...facts.map((fact) => fact.trim())] };
  const [first = '', ...others] = facts;
  return {
    kind: 'line',
    text: [first.padEnd(width), ...others].join('   '),
    cells: facts.map((fact) => fact.trim()),
  };
}

/** The lines of one failure below the function's name. */
export function describeFailureOf(name: string, failure: Failure): readonly Block[] {
  // Messages that also stand alone begin with the function's name.
  const [first = name] = name.split(' ');
  const message = failure.message.startsWith(`${first}: `) ? failure.message.slice(first.length + 2) : failure.message;
  return [
    { kind: 'line', text: `✗ ${name}   ${message}  (${failure.code})` },
    ...(failure.details ?? []).map((text): Block => ({ kind: 'line', text: `    ${text}` })),
    ...(failure.hint === undefined ? [] : [{ kind: 'line', text: `    next: ${failure.hint}` } as const]),
  ];
}

/** What `fn build` says, function by function: digest and, per platform, compressed bytes, the function's own layers apart from the base. */
export function describeBuilds(outcomes: readonly BuildOutcome[]): readonly Block[] {
  const widest = Math.max(...outcomes.map(({ name }) => name.length), 0);
  return groupAlike(outcomes).flatMap(([outcome, ...others]) =>
    'failure' in outcome
      ? describeFailureOf([outcome, ...others].map(({ name }) => name).join(', '), outcome.failure)
      : describeBuild(outcome, widest),
  );
}

/**
 * Outcomes whose failures say the same stand together, in the place of the first: an engine that does not answer is one
 * problem, also for fifty functions. All others stand alone.
 */
export function groupAlike<Outcome extends { readonly name: string; readonly failure?: Failure | undefined }>(
  outcomes: readonly Outcome[],
): readonly (readonly [Outcome, ...Outcome[]])[] {
  const groups = new Map<string, [Outcome, ...Outcome[]]>();
  for (const outcome of outcomes) {
    const { failure, name } = outcome;
    // What names a place or shows a log is about one function.
    const alike = failure !== undefined && (failure.places ?? []).length === 0 && !('verdict' in outcome);
    const key = alike ? JSON.stringify([failure.code, failure.message, failure.hint, failure.details]) : `of ${name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [outcome]);
    else group.push(outcome);
  }
  return [...groups.values()];
}

function describeBuild(outcome: Exclude<BuildOutcome, { failure: Failure }>, widest: number): readonly Block[] {
  const where =
    outcome.push === undefined
      ? 'built'
      : outcome.push.changed
        ? `pushed ${formatBytes(outcome.push.sentBytes)}`
        : 'unchanged';
  const digest = outcome.digest === undefined ? [] : [outcome.digest.slice(0, 'sha256:'.length + 12)];
  return [
    factLine([outcome.name, where, outcome.image, ...digest, `${outcome.seconds.toFixed(1)} s`], { width: widest }),
    ...outcome.sizes.map(({ platform, total, own, program }) => {
      const size = `${formatBytes(total)}${own === undefined ? '' : `, own layers ${formatBytes(own)}`}`;
      return factLine([formatPlatform(platform).padEnd(13), size, program], { of: outcome.name });
    }),
  ];
}

/** `312 B`, `14.2 kB`, `48.5 MB`: powers of ten, as registries and networks count. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
