import { defineCommand } from '../../command.ts';
import type { Context } from '../../context.ts';
import { describeFailure, exitCodes, UserError } from '../../errors.ts';
import { type Node, nodeKinds, nodeNamed, nodeOf } from '../../oci/node.ts';
import { defaultPlatforms, type Platform, parsePlatform } from '../../oci/platform.ts';
import { formatReference, parseReference, type Reference } from '../../oci/reference.ts';
import type { CheckedImage } from '../../registry/check.ts';
import { checkImages } from '../../registry/check-images.ts';
import type { Stack, StackFunction } from '../../stack/stack.ts';
import { suggest } from '../../stack/suggest.ts';
import { describeCheck } from '../describe-check.ts';

/** One image to be checked, and for which nodes. */
interface Wanted {
  readonly reference: Reference;
  readonly nodes: readonly Node[];
}

/** `bantam image check`: on which nodes images really run. */
export const check = defineCommand({
  arguments: [
    {
      name: '[images...]',
      description:
        'image references (default: the images of the stack file). Exit code 1: one does not run on a node, or nobody could read it, which proves nothing good',
    },
  ],
  options: {
    node: {
      flags: '--node <list>',
      kind: 'list',
      description: `kinds of node: ${nodeKinds.map(({ name }) => name).join(', ')}, arm, any-arm64`,
    },
    platform: {
      flags: '--platform <list>',
      kind: 'list',
      description: 'or the platforms that must run on the machines they name: linux/arm64, linux/arm/v7, …',
    },
  },
  examples: [
    'bantam image check',
    'bantam image check registry.lan:5000/hello:1.0 --node pi5,armv7',
    'bantam image check alpine:3.22 --platform linux/arm64,linux/arm/v7',
    'bantam image check --json',
  ],
  async run(input, context) {
    const { names, options } = input;
    const chosen = readNodes(options.node, options.platform);
    const wanted = names.length === 0 ? await ofStack(context, chosen) : ofNames(names, chosen ?? usualNodes);
    const registry = await context.registry();
    const memory = await context.imageMemory();
    const images = await checkImages(registry, wanted, {
      memory,
      signal: context.signal,
      report: context.report,
    }).finally(() => memory.save());
    const verdicts = images.flatMap(({ nodes }) => nodes);
    const bad = verdicts.some(({ answer, unread }) => answer === 'does not' || unread);
    for (const { image, nodes } of images)
      for (const { node, answer, reason, unread } of nodes)
        if (answer === 'unknown' && !unread)
          context.report({ type: 'warning', about: image, text: `nothing proves that it runs on ${node}: ${reason}` });
    for (const [hint, { image, failure }] of byHint(images))
      context.report({ type: 'warning', about: image, text: `it could not be read (${failure.code})`, hint });
    const read = registry.traffic?.() ?? { requests: 0, bytes: 0 };
    return {
      exit: bad ? exitCodes.failure : exitCodes.done,
      document: { images: images.map(toDocument), read },
      blocks: describeCheck(images, read),
    };
  },
});

/** What people have who say nothing: a PC, Pis with a 64-bit system, a Pi 5, a Pi with a 32-bit system. */
const usualNodes = nodesFor(defaultPlatforms);

/** The kinds of node that a platform is built for. */
function nodesFor(platforms: readonly Platform[]): readonly Node[] {
  const kinds = platforms.flatMap((platform) => {
    const node = nodeOf(platform);
    const pi5 = node.name === 'arm64' ? nodeNamed('pi5') : undefined;
    return pi5 === undefined ? [node] : [node, pi5];
  });
  return [...new Map(kinds.map((node) => [node.name, node])).values()];
}

function readNodes(names: readonly string[], platforms: readonly string[]): readonly Node[] | undefined {
  if (names.length > 0 && platforms.length > 0)
    throw new UserError('BAN-E001', '--node and --platform are two ways to say the same: give one of them');
  if (platforms.length > 0) return [...new Set(platforms)].map((platform) => nodeOf(parsePlatform(platform)));
  if (names.length === 0) return undefined;
  const known = [...nodeKinds.map(({ name }) => name), 'arm', 'any-arm64'];
  const unknown = [...new Set(names)].filter((name) => nodeNamed(name) === undefined);
  if (unknown.length > 0) {
    const near = unknown.flatMap((name) => suggest(name, known));
    throw new UserError('BAN-E001', `there is no kind of node called ${unknown.join(', ')}`, {
      hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : `it knows ${known.join(', ')}`,
    });
  }
  return [...new Set(names)].flatMap((name) => nodeNamed(name) ?? []);
}

function ofNames(names: readonly string[], nodes: readonly Node[]): Wanted[] {
  return [...new Set(names)].map((name) => ({ reference: parseReference(name), nodes }));
}

async function ofStack(context: Context, chosen: readonly Node[] | undefined): Promise<Wanted[]> {
  const stack = await context.stack();
  context.report({ type: 'target', text: `${stack.functions.length} functions of ${stack.file}` });
  const found = new Map<string, Wanted>();
  for (const declared of stack.functions) {
    const reference = parseReference(declared.image);
    const name = formatReference(reference);
    const nodes = chosen ?? nodesFor(platformsOf(declared, stack));
    const earlier = found.get(name)?.nodes ?? [];
    found.set(name, { reference, nodes: [...new Set([...earlier, ...nodes])] });
  }
  return [...found.values()];
}

function platformsOf(declared: StackFunction, stack: Stack): readonly Platform[] {
  return declared.platforms ?? stack.platforms ?? defaultPlatforms;
}

/** What to do about the images that could not be read: each advice once, with the first image that it is for. */
function byHint(images: readonly CheckedImage[]): Map<string, { image: string; failure: UserError }> {
  const found = new Map<string, { image: string; failure: UserError }>();
  for (const { image, failure } of images)
    if (failure?.hint !== undefined && !found.has(failure.hint)) found.set(failure.hint, { image, failure });
  return found;
}

function toDocument({ image, digest, says, nodes, failure }: CheckedImage): Record<string, unknown> {
  return {
    image,
    ...(digest === undefined ? {} : { digest }),
    says,
    nodes,
    ...(failure === undefined ? {} : { failure: describeFailure(failure) }),
  };
}
