import type { Report } from '../events.ts';
import { needsBuildx } from './assemble/refuse.ts';
import type { Builder, RunProgram } from './builder.ts';

/** Who builds: docker buildx, bantam itself, or the first of the two that is there. */
export type BuilderKind = 'auto' | 'buildx' | 'assemble';

/** Reads the value of `--builder`: one of the kinds, or the name of a builder of buildx. */
export function readBuilderKind(text: string | undefined): BuilderKind | undefined {
  return text === 'auto' || text === 'buildx' || text === 'assemble' ? text : undefined;
}

/** How long docker may take to say whether its engine is there, in milliseconds. */
const patience = 10_000;

/**
 * The builder of a kind. With `auto` docker is asked once, and a note says who builds and why: buildx if it is there and its
 * engine answers, else bantam itself. What only buildx can do goes there in any case: it says best why it cannot.
 */
export function openChosenBuilder(
  kind: BuilderKind,
  ports: {
    readonly buildx: () => Promise<Builder>;
    readonly assemble: () => Promise<Builder>;
    readonly run: RunProgram;
  },
): Builder {
  let absent: Promise<string | undefined> | undefined;
  const choose = async (report: Report, signal: AbortSignal): Promise<Builder> => {
    absent ??= whyNoDocker(ports.run, signal).then((why) => {
      const text = why === undefined ? 'docker buildx builds' : `bantam builds by itself, without Docker: ${why}`;
      report({ type: why === undefined ? 'trace' : 'note', text });
      return why;
    });
    return (await absent) === undefined ? await ports.buildx() : await ports.assemble();
  };
  return {
    async build(plan, { report, signal }) {
      const chosen =
        kind === 'assemble'
          ? await ports.assemble()
          : kind === 'buildx' || needsBuildx(plan) !== undefined
            ? await ports.buildx()
            : await choose(report, signal);
      return await chosen.build(plan, { report, signal });
    },
  };
}

/** Why docker buildx cannot build here, as a clause; undefined if nothing speaks against it. */
async function whyNoDocker(run: RunProgram, signal: AbortSignal): Promise<string | undefined> {
  const options = { signal, timeout: patience };
  const [buildx, engine] = await Promise.all([
    run('docker', ['buildx', 'version'], options),
    run('docker', ['version', '--format', '{{.Server.Version}}'], options),
  ]);
  if (buildx.missing) return 'docker is not installed';
  if (engine.timedOut || buildx.timedOut) return `docker does not answer within ${patience / 1000} s`;
  if (buildx.exitCode !== 0) return 'docker has no buildx';
  return engine.exitCode === 0 ? undefined : 'the Docker engine does not answer';
}
