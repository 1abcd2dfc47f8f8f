import { DockerfileParser, From } from 'dockerfile-ast';

/** One stage of a Dockerfile. `platform` is the text of `--platform=`, arguments unexpanded. */
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
 * is made from or copies from belongs to the target.
 */
export function readDockerfile(text: string): DockerfileFacts {
  const dockerfile = DockerfileParser.parse(text);
  const globalArguments: Record<string, string> = {};
  for (const argument of dockerfile.getInitialARGs()) {
    const property = argument.getProperty();
    if (property?.getValue()) globalArguments[property.getName()] = property.getValue() ?? '';
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
        platform: instruction.getPlatformFlag()?.getValue() ?? undefined,
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
      last < 0 ? 0 : ancestry(stages, last).reduce((sum, position) => sum + historyEntries(stages[position]), 0),
  };
}

/** ONBUILD leaves no history entry in BuildKit images; everything else leaves one. */
function historyEntries(stage: Stage | undefined): number {
  return (stage?.instructions ?? []).filter(({ keyword }) => keyword !== 'ONBUILD').length;
}

/** The stage that a FROM or a `--from=` names: by name (with `${TARGETARCH}`-like parts matching any name) or by number. */
function stagesNamed(stages: readonly Stage[], name: string, before: number): number[] {
  const lower = name.toLowerCase();
  if (/^\d+$/.test(lower) && Number(lower) < before) return [Number(lower)];
  const pattern = new RegExp(
    `^${lower
      .split(/\$\{?[a-z_][a-z0-9_]*(?::?[-+][^}]*)?\}?/)
      .map(escapePattern)
      .join('.*')}$`,
  );
  return stages.flatMap((stage, position) =>
    position < before && stage.name !== undefined && pattern.test(stage.name) ? [position] : [],
  );
}

/** Fills in the ARGs above the first FROM; what is unknown (TARGETARCH) stays as it is. */
function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?/g, (whole, name: string) => values[name] ?? whole);
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
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

function runsOnBuildPlatform(stages: readonly Stage[], position: number): boolean {
  const stage = stages[position];
  if (stage === undefined) return false;
  if (stage.platform !== undefined) return !/TARGET(PLATFORM|ARCH|OS)/.test(stage.platform);
  const parents = stagesNamed(stages, stage.from, position);
  return parents.length > 0 && parents.every((parent) => runsOnBuildPlatform(stages, parent));
}
