import { DockerfileParser, From } from 'dockerfile-ast';

/** One stage of a Dockerfile. In `from` and `platform` (the text of `--platform=`) the ARGs above the first FROM are filled in, others are not. */
export interface Stage {
  readonly name: string | undefined;
  readonly from: string;
  readonly platform: string | undefined;
  readonly instructions: readonly { readonly keyword: string; readonly text: string; readonly line: number }[];
}

/** What bantam reads out of a Dockerfile before it asks a builder. */
export interface DockerfileFacts {
  /** Defaults of the ARGs above the first FROM: the place where base images are pinned. */
  readonly globalArguments: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
  /** RUN instructions that execute on the target platform: they need emulation for every foreign platform. */
  readonly targetRuns: readonly { readonly line: number; readonly text: string }[];
  /** How many of the image's last history entries come from this Dockerfile's final stages rather than from the base image. */
  readonly ownHistoryEntries: number;
}

/**
 * Reads the facts out of a Dockerfile (reference: docs.docker.com/reference/dockerfile). A stage is built for the build
 * platform only if its FROM says `--platform=$BUILDPLATFORM`, or names a fixed platform; every other stage that the last one
 * is made from or copies from belongs to the target. A stage made from another stage is of that one's platform, whatever its
 * own FROM says (BuildKit 0.25 does so). `given`: build arguments, which count before the defaults.
 */
export function readDockerfile(text: string, given: Readonly<Record<string, string>> = {}): DockerfileFacts {
  const dockerfile = DockerfileParser.parse(text);
  const globalArguments: Record<string, string> = {};
  for (const argument of dockerfile.getInitialARGs()) {
    const property = argument.getProperty();
    const value = property?.getValue();
    // Defaults may name the ones above them.
    const name = property?.getName() ?? '';
    const chosen = Object.hasOwn(given, name) ? given[name] : undefined;
    if (chosen !== undefined) globalArguments[name] = chosen;
    else if (property && value) globalArguments[name] = expand(value, globalArguments);
  }
  const stages: {
    name: string | undefined;
    from: string;
    platform: string | undefined;
    instructions: { keyword: string; text: string; line: number }[];
  }[] = [];
  for (const instruction of dockerfile.getInstructions()) {
    if (instruction instanceof From) {
      stages.push({
        name: instruction.getBuildStage()?.toLowerCase(),
        from: expand(instruction.getImage() ?? '', globalArguments),
        platform: expand(instruction.getPlatformFlag()?.getValue() ?? '', globalArguments) || undefined,
        instructions: [],
      });
    } else {
      const text = instruction.getTextContent().replace(/\s+/g, ' ');
      stages.at(-1)?.instructions.push({
        keyword: instruction.getKeyword().toUpperCase(),
        text,
        line: instruction.getRange().start.line + 1,
      });
    }
  }
  const last = stages.length - 1;
  const used = reachable(stages, last);
  return {
    globalArguments,
    stages,
    targetRuns: stages.flatMap((stage, position) =>
      used.has(position) && !runsOnBuildPlatform(stages, position)
        ? stage.instructions
            .filter(({ keyword }) => keyword === 'RUN')
            .map(({ line, text: run }) => ({ line, text: run }))
        : [],
    ),
    ownHistoryEntries:
      last < 0
        ? 0
        : ancestry(stages, last).reduce(
            (sum, position) => sum + historyEntries(stages[position], position === last),
            0,
          ),
  };
}

/** Every instruction leaves one history entry in BuildKit's images; an ONBUILD leaves its own in the stage that is made from its stage. */
function historyEntries(stage: Stage | undefined, isLast: boolean): number {
  return (stage?.instructions ?? []).filter(({ keyword }) => keyword !== 'ONBUILD' || !isLast).length;
}

/** The stage that a FROM or a `--from=` names: by name (with `${TARGETARCH}`-like parts matching any name) or by number. */
function stagesNamed(stages: readonly Stage[], name: string, before: number): number[] {
  const lower = name.toLowerCase();
  if (/^\d+$/.test(lower) && Number(lower) < before) return [Number(lower)];
  const parts = lower.split(/\$\{?[a-z_][a-z0-9_]*(?::?[-+][^}]*)?\}?/);
  return stages.flatMap((stage, position) =>
    position < before && stage.name !== undefined && isMadeOf(stage.name, parts) ? [position] : [],
  );
}

/** Fills in the ARGs above the first FROM; what is unknown (TARGETARCH) stays as it is, unless a default follows its name. */
function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::?([-+])([^{}]*))?\})/g,
    (
      whole,
      bare: string | undefined,
      braced: string | undefined,
      sign: string | undefined,
      word: string | undefined,
    ) => {
      const name = bare ?? braced ?? '';
      const known =
        (Object.hasOwn(values, name) ? values[name] : undefined) ?? (predefined.test(name) ? whole : undefined);
      if (sign === '+') return known === undefined ? '' : (word ?? '');
      return known ?? word ?? whole;
    },
  );
}

/** ARGs that BuildKit sets by itself: no default ever counts for them. */
const predefined = /^(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)$/;

/** Whether a name is these parts with anything between them. A regular expression of thirty `.*` would take minutes. */
function isMadeOf(name: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
  let from = first.length;
  for (const part of rest) {
    const at = name.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return from <= name.length - last.length;
}

/** The stage and the stages it is built FROM, nearest first; of several candidates (`base-${TARGETARCH}`) the first. */
function ancestry(stages: readonly Stage[], position: number): number[] {
  const parent = stagesNamed(stages, stages[position]?.from ?? '', position)[0];
  return [position, ...(parent === undefined ? [] : ancestry(stages, parent))];
}

function reachable(stages: readonly Stage[], position: number, seen = new Set<number>()): Set<number> {
  if (position < 0 || seen.has(position)) return seen;
  seen.add(position);
  const stage = stages[position];
  const sources = [
    stage?.from ?? '',
    ...(stage?.instructions ?? []).flatMap(({ text }) =>
      [...text.matchAll(/(?:--from=|[,\s]from=)([^\s,]+)/g)].map(([, name]) => name ?? ''),
    ),
  ];
  for (const source of sources) for (const next of stagesNamed(stages, source, position)) reachable(stages, next, seen);
  return seen;
}

/** `known`: the stages looked at before. Forty stages of one name, each made from a variable, would be looked at in 2⁴⁰ ways. */
function runsOnBuildPlatform(
  stages: readonly Stage[],
  position: number,
  known: Map<number, boolean> = new Map(),
): boolean {
  const stage = stages[position];
  if (stage === undefined) return false;
  const before = known.get(position);
  if (before !== undefined) return before;
  const parents = stagesNamed(stages, stage.from, position);
  const found =
    parents.length > 0
      ? parents.every((parent) => runsOnBuildPlatform(stages, parent, known))
      : stage.platform !== undefined && !/TARGET(PLATFORM|ARCH|OS)/.test(stage.platform);
  known.set(position, found);
  return found;
}
