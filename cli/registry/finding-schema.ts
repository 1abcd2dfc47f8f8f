import * as v from 'valibot';
import type { ElfFile, ElfStart } from '../oci/elf-segments.ts';
import type { FileStart, LayerNode } from '../oci/layer.ts';
import type { LayerFinding } from '../oci/layer-index.ts';

// Strict, and held to the types below: what another version of bantam found in another shape must not pass for a finding.

const elfStartSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('unread') }),
  v.strictObject({ kind: v.literal('refused'), why: v.string() }),
  v.strictObject({
    kind: v.literal('read'),
    dynamic: v.boolean(),
    loader: v.exactOptional(v.string()),
    fitsPage: v.number(),
    failsPage: v.exactOptional(v.number()),
    cut: v.exactOptional(v.literal(true)),
  }),
]) satisfies v.GenericSchema<unknown, ElfStart>;

const elfSchema = v.strictObject({
  bits: v.picklist([32, 64]),
  endianness: v.picklist(['little', 'big']),
  machine: v.number(),
  type: v.number(),
  flags: v.number(),
  start: elfStartSchema,
  armVersion: v.exactOptional(v.number()),
  x86Level: v.exactOptional(v.number()),
}) satisfies v.GenericSchema<unknown, ElfFile>;

const startSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('elf'), elf: elfSchema }),
  v.pipe(
    v.strictObject({
      kind: v.literal('script'),
      line: v.optional(v.string()),
      ends: v.exactOptional(v.array(v.string())),
    }),
    v.transform(({ kind, line, ...rest }) => ({ kind, line, ...rest })),
  ),
  v.strictObject({ kind: v.literal('empty') }),
  v.strictObject({ kind: v.literal('other') }),
]) satisfies v.GenericSchema<unknown, FileStart>;

const nodeSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('file'),
    executable: v.boolean(),
    restricted: v.exactOptional(v.strictObject({ user: v.number(), group: v.number(), mode: v.number() })),
    start: startSchema,
  }),
  v.strictObject({ kind: v.literal('directory') }),
  v.strictObject({ kind: v.literal('symlink'), target: v.string() }),
  v.strictObject({ kind: v.literal('hardlink'), target: v.string() }),
  v.strictObject({ kind: v.literal('special') }),
]) satisfies v.GenericSchema<unknown, LayerNode>;

const findingSchema = v.strictObject({
  found: v.exactOptional(v.strictObject({ depth: v.number(), node: nodeSchema })),
  directories: v.number(),
  hidesBelow: v.boolean(),
}) satisfies v.GenericSchema<unknown, LayerFinding>;

/** Paths and what a layer says about them, as JSON text. */
export const findingsSchema = v.pipe(v.string(), v.parseJson(), v.array(v.tuple([v.string(), findingSchema])));
