import { defineCommand } from '../../command.ts';
import { exitCodes } from '../../errors.ts';
import { adviseOn } from '../../oci/fault.ts';
import { formatPlatform, parsePlatform, samePlatform } from '../../oci/platform.ts';
import { printable } from '../../oci/printable.ts';
import { formatReference, parseReference } from '../../oci/reference.ts';
import { type InspectedImage, type InspectedPlatform, inspectImage } from '../../registry/inspect.ts';
import { describeInspection, readStep } from '../describe-inspection.ts';

/** `bantam image inspect`: what is in an image, platform by platform. */
export const inspect = defineCommand({
  arguments: [{ name: '<image>', description: 'an image reference' }],
  options: {
    platform: { flags: '--platform <list>', kind: 'list', description: 'these platforms only (default: all)' },
  },
  examples: [
    'bantam image inspect registry.lan:5000/hello:1.0',
    'bantam image inspect node:22 --platform linux/arm/v7',
    'bantam image inspect registry.lan:5000/hello:1.0 --json',
  ],
  async run(input, context) {
    const [name = ''] = input.names;
    const reference = parseReference(name);
    const platforms = input.options.platform.map(parsePlatform);
    const memory = await context.imageMemory();
    const registry = await context.registry();
    const image = await inspectImage(registry, reference, {
      platforms: platforms.length === 0 ? undefined : platforms,
      keepFailures: true,
      memory,
      report: context.report,
      signal: context.signal,
    }).finally(() => memory.save());
    const absent = platforms.filter((wanted) => !image.available.some((there) => samePlatform(there, wanted)));
    for (const platform of absent)
      context.report({
        type: 'warning',
        text: `${formatPlatform(platform)} is not in the image`,
        hint: `it holds ${printable(image.available.map(formatPlatform).join(', ')) || 'no platform at all'}`,
      });
    for (const { platform, contradiction } of image.platforms)
      if (contradiction !== undefined)
        context.report({
          type: 'warning',
          about: printable(formatPlatform(platform)),
          text: `its configuration says ${printable(formatPlatform(contradiction))}: nodes take what the index says, but the build went wrong`,
          hint: adviseOn(['configuration']),
        });
    const read = registry.traffic?.() ?? { requests: 0, bytes: 0 };
    const bad =
      absent.length > 0 || image.unread.length > 0 || image.platforms.some(({ verdict }) => verdict === 'does not');
    return {
      exit: bad ? exitCodes.failure : exitCodes.done,
      document: { ...toDocument(formatReference(reference), image), read },
      blocks: describeInspection(formatReference(reference), image),
    };
  },
});

function toDocument(image: string, inspected: InspectedImage): Record<string, unknown> {
  const { digest, mediaType, isIndex, available, platforms, unread } = inspected;
  return {
    image,
    digest,
    mediaType,
    isIndex,
    available: available.map(formatPlatform),
    platforms: platforms.map(platformDocument),
    unread: unread.map(({ platform, reason }) => ({ platform: formatPlatform(platform), reason })),
  };
}

function platformDocument(each: InspectedPlatform): Record<string, unknown> {
  const { platform, digest, size, program, verdict, reason } = each;
  const { Entrypoint, Cmd, Env, Labels, User, WorkingDir, ExposedPorts } = each.config.config;
  return {
    platform: formatPlatform(platform),
    digest,
    size: size.total,
    layers: size.layers.map((layer) => ({
      digest: layer.digest,
      size: layer.size,
      createdBy: readStep(layer.createdBy),
    })),
    ...(each.base === undefined ? {} : { base: each.base }),
    program: program.via,
    verdict,
    reason,
    config: {
      entrypoint: Entrypoint,
      command: Cmd,
      // Names only: a value may be a secret that somebody built into the image.
      environment: Env.map((line) => line.split('=', 1)[0] ?? ''),
      user: User,
      workingFolder: WorkingDir,
      ports: ExposedPorts,
      labels: Labels,
    },
  };
}
