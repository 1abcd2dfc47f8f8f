import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { formatPlatform } from '../oci/platform.ts';
import { placesIn } from './places.ts';
import type { BuildPlan } from './plan.ts';

/** What is left of a failed `docker buildx build`: the plain text on stderr, and the failed steps with their output. */
export interface FailedBuild {
  readonly missing: boolean;
  readonly exitCode: number | undefined;
  readonly text: string;
  readonly steps: readonly { readonly name: string; readonly error: string; readonly output: string }[];
}

/**
 * Turns a failed build into the sentence that helps. It is asked after the fact on purpose: the platforms that `buildx
 * inspect` lists are fixed when the daemon starts and prove nothing, and a build that works needs no questions first.
 * What the commands of the Dockerfile print is theirs: it never counts as a word of docker's.
 */
export function explainFailedBuild(plan: BuildPlan, failed: FailedBuild): UserError {
  const said = ownWords(failed);
  return (
    aboutDocker(failed, said) ??
    aboutBuilder(plan, said) ??
    aboutCache(plan, failed, said) ??
    aboutEmulation(plan, failed) ??
    aboutCompiling(plan, failed) ??
    aboutBase(said) ??
    new UserError(
      'BAN-E206',
      `${plan.name}: docker buildx build failed${failed.exitCode === undefined ? '' : ` (exit ${failed.exitCode})`}`,
      {
        details: lastLines(failed),
        hint: 'the last lines of the build are above; `-v` shows all of it',
      },
    )
  );
}

/** What docker, buildx and BuildKit say themselves: without the excerpt of the Dockerfile, the commands in it and their output. */
function ownWords({ text, steps }: FailedBuild): string {
  const inner = steps.filter(({ name }) => !/\] RUN /i.test(name)).map(({ error }) => error);
  return [text.replace(excerpt, ''), ...inner].join('\n').replace(/process "(?:[^"\\]|\\.)*"/g, 'process');
}

/** The lines of the Dockerfile that BuildKit shows between rules; the first names the file and the line. */
const excerpt = /^(\S+:\d+)\n-{10,}\n([\s\S]*?)\n-{10,}$/m;

/** `Dockerfile:3  RUN …` for the instruction that failed, as BuildKit marks it. */
function failedInstruction(text: string): string[] {
  const [, place, lines] = excerpt.exec(text) ?? [];
  if (place === undefined || lines === undefined) return [];
  const marked = lines.split('\n').flatMap((line) => /^\s*\d+ \| >>> (.*)$/.exec(line)?.[1] ?? []);
  return [
    `${place}  ${marked
      .join(' ')
      .replace(/\\?\s+/g, ' ')
      .trim()}`,
  ];
}

function aboutDocker(failed: FailedBuild, text: string): UserError | undefined {
  if (failed.missing) {
    return new UserError('BAN-E201', 'there is no `docker` on the PATH', {
      hint: 'install Docker Engine with buildx (Debian: apt install docker.io docker-buildx), then `bantam doctor`',
    });
  }
  if (
    /Cannot connect to the Docker daemon|error during connect|dial unix .*(no such file|connection refused|permission denied)|permission denied while trying to connect/i.test(
      text,
    )
  ) {
    const denied = /permission denied/i.test(text);
    return new UserError(
      'BAN-E202',
      denied ? 'this user may not talk to the Docker engine' : 'the Docker engine does not answer',
      {
        details: firstMatchingLine(text, /daemon|dial|connect/i),
        hint: denied
          ? 'add the user to the docker group and log in again (sudo usermod -aG docker $USER)'
          : 'start it (sudo systemctl start docker), or check DOCKER_HOST',
      },
    );
  }
  if (
    /'buildx' is not a docker command|unknown command: docker buildx|unknown (shorthand )?flag: ('\w' in -\w|--(platform|progress|metadata-file|builder|provenance))|unknown docker command: "buildx/i.test(
      text,
    )
  ) {
    return new UserError('BAN-E203', 'docker has no buildx', {
      hint: 'install it (Debian: apt install docker-buildx; Docker’s own packages: docker-buildx-plugin)',
    });
  }
  if (
    /Multi-platform build is not supported for the docker driver|multiple platforms feature is currently not supported for docker driver|(oci|OCI) exporter (feature )?is not supported for the docker driver/i.test(
      text,
    )
  ) {
    return new UserError(
      'BAN-E204',
      'the current builder (docker driver, classic image store) cannot build several platforms',
      {
        hint: 'add --own-builder: bantam makes and uses a builder called "bantam" beside yours (docker-container driver) and leaves your current one alone; or switch the engine to the containerd image store; functions of bantam’s own templates are built without any engine by --builder assemble',
      },
    );
  }
  return undefined;
}

function aboutBuilder(plan: BuildPlan, said: string): UserError | undefined {
  const name = /no builder "([^"]*)" found/.exec(said)?.[1];
  if (name === undefined) return undefined;
  return new UserError('BAN-E219', `${plan.name}: docker buildx knows no builder "${name}"`, {
    hint: 'docker buildx ls lists them; docker buildx create --name NAME --driver docker-container makes one (docs/building.md shows one on the Pis)',
  });
}

/** Steps of BuildKit's that write caches. */
const cacheStep = /^exporting cache to /;

function aboutCache(plan: BuildPlan, { steps }: FailedBuild, said: string): UserError | undefined {
  if (/cache export is not supported for the docker driver/i.test(said))
    return new UserError(
      'BAN-E214',
      `${plan.name}: the current builder (docker driver, classic image store) cannot write caches`,
      {
        hint: 'add --own-builder or --builder NAME, or switch the engine to the containerd image store',
      },
    );
  const step = steps.find(({ name }) => cacheStep.test(name));
  const refused = /unknown cache (?:exporter|importer): "[^"]*"|\S+ cache (?:exporter|importer) requires \S+/.exec(
    said,
  )?.[0];
  if (step === undefined && refused === undefined) return undefined;
  return new UserError(
    'BAN-E214',
    `${plan.name}: ${step === undefined ? refused : `the cache cannot be written: ${step.name}`}`,
    {
      details: step === undefined ? [] : [step.error.slice(0, 500)],
      hint:
        step === undefined
          ? 'write caches as docker buildx takes them (docs.docker.com/build/cache/backends), or use --build-cache'
          : 'check that its place is there and that you may write to it, or leave the cache away; everything else of the build was good',
    },
  );
}

/** A cache that could not be written although the build succeeded (`ignore-error=true`), as one line. */
export function describeLostCache(steps: FailedBuild['steps']): string | undefined {
  const step = steps.find(({ name }) => cacheStep.test(name));
  return step === undefined
    ? undefined
    : `the cache was not written (${step.name}): ${step.error.split('\n')[0]?.slice(0, 300)}`;
}

function aboutEmulation(plan: BuildPlan, failed: FailedBuild): UserError | undefined {
  const steps = failed.steps.filter(({ error, output }) => /exec format error\s*$/im.test(`${error}\n${output}`));
  const [step] = steps;
  if (step === undefined) return undefined;
  const platforms = unique(steps.flatMap(({ name }) => /\[(linux\/[\w/]+)/.exec(name)?.[1] ?? []));
  const others = plan.targetRuns.map(({ line, text: run }) => `Dockerfile:${line}  ${run}`);
  const [first = step.name] = failedInstruction(failed.text);
  const place = /^\S+:\d+/.exec(first)?.[0] ?? '';
  return new UserError(
    'BAN-E205',
    `${plan.name}: the Dockerfile runs a command on ${platforms.join(', ') || plan.platforms.map(formatPlatform).join(', ')}, and this machine cannot run programs of that platform`,
    {
      details: [first, ...others.filter((line) => place === '' || !line.startsWith(`${place} `))],
      hint: 'use a template that does not RUN on the target (bantam-ts, bantam-go), build fewer platforms (--platform), or install QEMU (Debian: apt install qemu-user-static binfmt-support)',
    },
  );
}

/** Compilers name files of the context; the user knows the folder they were copied from. */
function aboutCompiling(plan: BuildPlan, failed: FailedBuild): UserError | undefined {
  if (plan.sources === undefined) return undefined;
  const { inContext, folder } = plan.sources;
  const pattern = new RegExp(
    `(?:^|[\\s"'(])(?:\\./|/\\S*?/)?${escapePattern(inContext)}/([^:"'\\n]+):(\\d+)(?::(\\d+))?`,
  );
  for (const step of failed.steps) {
    const lines = step.output.split('\n').map((line) => line.replace(/\s+$/, ''));
    if (!lines.some((line) => pattern.test(line))) continue;
    const shown = lines
      .filter((line) => line !== '')
      .map((line) =>
        line.replace(
          pattern,
          (whole, file: string, row: string, column: string | undefined) =>
            `${/^[\s"'(]/.test(whole) ? whole[0] : ''}${join(folder, file)}:${row}${column === undefined ? '' : `:${column}`}`,
        ),
      );
    return new UserError('BAN-E207', `${plan.name}: the handler does not compile`, {
      details: unique(shown).slice(0, 40),
      places: placesIn(unique(shown)),
      hint: 'correct the lines named above',
    });
  }
  return undefined;
}

function aboutBase(text: string): UserError | undefined {
  const line = text
    .split('\n')
    .find((candidate) =>
      /failed to resolve source metadata|failed to do request|pull access denied|failed to authorize|failed to load cache key|no match for platform in manifest/i.test(
        candidate,
      ),
    );
  if (line === undefined) return undefined;
  const reference = /(?:resolve source metadata for|failed to solve:|for) ([\w.:/@-]*\w)/.exec(line)?.[1];
  const details = [line.trim()];
  const base = `the base image${reference === undefined ? '' : ` ${reference}`}`;
  if (/no match for platform in manifest/i.test(line))
    return new UserError('BAN-E210', `${base} is not there for every platform that is to be built`, {
      details,
      hint: 'choose another base image, or the platforms it has: --platform, or platforms: in the stack file',
    });
  if (/pull access denied|failed to authorize|401 Unauthorized|403 Forbidden/i.test(line))
    return new UserError('BAN-E210', `${base} cannot be read: its registry refuses`, {
      details,
      hint: 'check the name, and log in to its registry: docker login REGISTRY',
    });
  return new UserError('BAN-E210', `${base} cannot be read`, {
    details,
    hint: 'check the network, or name a mirror: --build-context NAME=docker-image://REGISTRY/NAME (several in BANTAM_BUILD_CONTEXTS)',
  });
}

/** What failed where, and the end of its output; platforms that failed in the same way are shown once. */
function lastLines(failed: FailedBuild): string[] {
  const ends = new Map(failed.steps.map((step) => [`${step.error}\n${step.output}`, step] as const));
  const output = [...ends.values()]
    .flatMap((step) => [`${step.name}:`, ...step.output.split('\n').slice(-16), step.error])
    .filter((line) => line.trim() !== '');
  const lines =
    output.length > 0 ? output : failed.text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('{'));
  return [...(output.length > 0 ? failedInstruction(failed.text) : []), ...lines.slice(-20)].map((line) =>
    line.replace(/\s+$/, ''),
  );
}

function firstMatchingLine(text: string, pattern: RegExp): string[] {
  const line = text.split('\n').find((candidate) => pattern.test(candidate));
  return line === undefined ? [] : [line.trim().slice(0, 500)];
}

function unique(lines: readonly string[]): string[] {
  return lines.filter((line, position) => lines.indexOf(line) === position);
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
